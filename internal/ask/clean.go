package ask

import (
	"errors"
	"reflect"

	"twincached/internal/health"
)

// clean is err in printable words: it may repeat what a node has said.
func clean(err error) error {
	if text := err.Error(); health.Printable(text) != text {
		return errors.New(health.Printable(text))
	}
	return err
}

// cleanAll makes each text in what p points to printable.
func cleanAll(p any) { cleanValue(reflect.ValueOf(p)) }

func cleanValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(health.Printable(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			cleanValue(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			cleanValue(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			cleanValue(v.Index(i))
		}
	case reflect.Map: // of texts to texts or numbers
		clean := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, e := range v.Seq2() {
			key, value := reflect.New(k.Type()).Elem(), reflect.New(e.Type()).Elem()
			key.Set(k)
			value.Set(e)
			cleanValue(key)
			cleanValue(value)
			clean.SetMapIndex(key, value)
		}
		if !v.IsNil() {
			v.Set(clean)
		}
	}
}

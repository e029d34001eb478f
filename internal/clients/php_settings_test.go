package clients

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

var (
	iniBlock = regexp.MustCompile("(?s)```ini\n(.*?)```")
	iniLink  = regexp.MustCompile(`\]\(\.\./deploy/php/([a-z-]+\.ini)\)`)
	comment  = regexp.MustCompile(`(?m)^;.*\n|^\n`)
)

// Each block of settings in docs/clients.md is a file of deploy/php, the one that is
// linked last before it, and no file goes unmentioned.
func TestClients_PageShowsTheShippedPHPSettings(t *testing.T) {
	t.Parallel()
	page := testkit.ReadFile(t, "../../docs/clients.md")
	shown := 0
	for _, block := range iniBlock.FindAllStringSubmatchIndex(page, -1) {
		links := iniLink.FindAllStringSubmatch(page[:block[0]], -1)
		if len(links) == 0 {
			t.Fatalf("the page does not say which file this is:\n%s", page[block[2]:block[3]])
		}
		name := links[len(links)-1][1]
		shipped := comment.ReplaceAllString(testkit.ReadFile(t, phpDir+name), "")
		if text := page[block[2]:block[3]]; text != shipped {
			t.Errorf("the page shows\n%s\nand deploy/php/%s has\n%s", text, name, shipped)
		}
		shown++
	}
	files, err := filepath.Glob(phpDir + "*.ini")
	if err != nil || shown < 2 || len(files) < 3 {
		t.Fatalf("found %d blocks and %d files, %v", shown, len(files), err)
	}
	for _, file := range files {
		if !strings.Contains(page, "(../deploy/php/"+filepath.Base(file)+")") {
			t.Errorf("the page does not mention %s", file)
		}
	}
}

// PHP takes each setting of the files: an unknown name would do nothing, silently.
func TestPHPSettings_AreKnownToPHP(t *testing.T) {
	t.Parallel()
	php := testkit.NeedTool(t, "php", "it reads the settings")
	files, err := filepath.Glob(phpDir + "*.ini")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text := testkit.ReadFile(t, file)
		needExtension(t, php, setting(t, text, "session.save_handler"))
		for _, m := range iniLine.FindAllStringSubmatch(text, -1) {
			name, want := m[1], strings.Trim(m[2], `"`)
			got, err := exec.Command(php, "-c", file, "-r", "echo var_export(ini_get('"+name+"'), true);").CombinedOutput()
			if err != nil || string(got) != "'"+want+"'" {
				t.Errorf("%s: %s is %s in PHP, want '%s' (%v)", filepath.Base(file), name, got, want, err)
			}
		}
	}
}

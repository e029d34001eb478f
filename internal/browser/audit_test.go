package browser

import "testing"

// luminance has the functions that a contrast is made of, as WCAG 2 defines it.
const luminance = `
var colour = (text) => { const v = text.match(/[\d.]+/g).map(Number); return { rgb: v.slice(0, 3), alpha: v[3] ?? 1 }; };
var luminance = (c) => { const [r, g, b] = c.rgb.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
`

// audit is what the page does that keeps some people out, as sentences.
const audit = luminance + `(() => {
	const faults = [], all = (s) => [...document.querySelectorAll(s)], say = (what, e) => faults.push(what + ': ' + e.outerHTML.slice(0, 120));
	const seen = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';
	if (document.documentElement.lang !== 'en') faults.push('no language');
	if (!document.title.trim()) faults.push('no title');
	if (all('h1').length !== 1) faults.push(all('h1').length + ' h1');
	let level = 0;
	for (const h of all('h1,h2,h3,h4,h5,h6')) { const n = +h.tagName[1]; if (n > level + 1) say('a heading leaves one out', h); level = n; if (!h.innerText.trim()) say('an empty heading', h); }
	for (const th of all('th')) if (!['col', 'row', 'rowgroup'].includes(th.scope)) say('a th without scope', th);
	for (const t of all('table')) { if (!t.caption?.innerText.trim()) say('a table without caption', t); if (!t.querySelector('th')) say('a table without th', t); }
	for (const p of all('progress')) if (!p.labels.length || !p.labels[0].innerText.trim()) say('a progress without label', p);
	for (const i of all('img')) if (!i.hasAttribute('alt')) say('an image without alt', i);
	for (const s of all('svg')) { const names = (s.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean).map(id => document.getElementById(id)?.textContent ?? ''); if (!s.closest('[aria-hidden=true]') && !(s.getAttribute('role') === 'img' && names.length === 2 && names.every(n => n.trim()))) say('an svg without name', s); }
	for (const a of all('a')) if (!a.innerText.trim() && seen(a)) say('a link without text', a);
	for (const e of all('[tabindex]')) if (e.tabIndex > 0) say('a positive tabindex', e);
	for (const e of all('section,[role=region]')) { const h = document.getElementById(e.getAttribute('aria-labelledby')); if (!h?.innerText.trim()) say('a region without name', e); }
	const ids = all('[id]').map(e => e.id), twice = ids.filter((id, i) => ids.indexOf(id) !== i); if (twice.length) faults.push('ids that stand twice: ' + twice);
	const live = all('[aria-live],[role=status],[role=alert],[role=log]'); if (live.length !== 1 || live[0].getAttribute('aria-live') !== 'polite' || !live[0].querySelector('#sentence')) faults.push(live.length + ' live regions');
	if (live[0]?.querySelector('table,progress,svg')) faults.push('numbers in the live region');
	for (const l of ['header', 'main', 'footer']) if (all('body > ' + l).length !== 1) faults.push('no ' + l);
	const stops = all('a[href],button,input,[tabindex="0"]').filter(seen); if (stops[0]?.getAttribute('href') !== '#main') faults.push('the skip link is not first');
	const over = (below, c) => ({ rgb: c.rgb.map((v, i) => v * c.alpha + below.rgb[i] * (1 - c.alpha)), alpha: 1 });
	const behind = (e) => { const layers = []; for (; e; e = e.parentElement) layers.push(colour(getComputedStyle(e).backgroundColor)); return layers.reverse().reduce(over, { rgb: [255, 255, 255], alpha: 1 }); };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement; if (!n.data.trim() || !seen(e)) continue;
		const style = getComputedStyle(e), back = behind(e), front = over(back, colour(e.closest('svg') ? style.fill : style.color));
		const [a, b] = [luminance(front), luminance(back)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) say('a contrast of ' + ratio.toFixed(2), e);
	}
	return [...new Set(faults)].slice(0, 20);
})()`

// Not every rule of the trade, but those that a machine can look after.
func TestPage_KeepsNobodyOut(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 1280, 900)
	s.history(10)
	s.second(trouble, trouble, false)
	b.open(s.url + "/")
	b.waitText("#mode", "Live")
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		for _, c := range states {
			s.second(c.this, c.peer, c.alone)
			b.waitText("#sentence", c.says)
			for _, fault := range eval[[]string](b, audit) {
				t.Errorf("%s, dark %v: %s", c.name, dark, fault)
			}
		}
	}
	b.clean(s.url)
}

// The rules find what they are there for.
func TestAudit_SeesFaults(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 1280, 900)
	s.history(3)
	s.second(trouble, trouble, false)
	b.open(s.url + "/")
	b.waitText("#mode", "Live")
	for name, spoil := range map[string]string{
		"lang":     `document.documentElement.lang = ''`,
		"heading":  `document.querySelector('h2').outerHTML = '<h4>x</h4>'`,
		"scope":    `document.querySelector('th').removeAttribute('scope')`,
		"label":    `document.querySelector('progress').id = 'x'`,
		"contrast": `document.querySelector('#sentence p').style.cssText = ''; document.querySelector('#sentence p').style.setProperty('color', '#999')`,
		"svg":      `document.querySelector('figure > svg').removeAttribute('aria-labelledby')`,
		"tabindex": `document.querySelector('.scroll').tabIndex = 3`,
		"live":     `document.querySelector('#nodes').setAttribute('aria-live', 'polite')`,
	} {
		b.open(s.url + "/")
		b.waitText("#mode", "Live")
		if faults := eval[[]string](b, spoil+";"+audit); len(faults) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

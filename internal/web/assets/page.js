// The page is complete without this. With it, the server sends what has changed, once a
// second, and it is put in its place; when nothing comes any more, the page says so.
(function () {
	"use strict";
	const patience = 3500; // ms without news, of a server that sends each second
	const again = 3000;    // ms until the next try, where the browser does not try by itself
	const byId = (id) => document.getElementById(id);
	const mode = byId("mode"), stale = byId("stale"), reload = byId("reload");
	let source = null, heard = Date.now(), retry = 0;

	function live() {
		heard = Date.now();
		if (!stale.hidden) {
			stale.hidden = true;
			stale.textContent = "";
		}
		document.body.classList.remove("old");
		mode.textContent = "Live:";
		reload.hidden = true;
	}

	function notLive() {
		if (!stale.hidden) {
			return;
		}
		stale.textContent = "Not live since " + byId("asof").textContent + ": the node sends nothing. What you see is from then.";
		stale.hidden = false;
		document.body.classList.add("old");
		mode.textContent = "As of";
		reload.hidden = false;
	}

	function show(message) {
		if (message.assets !== document.body.dataset.assets) {
			location.reload(); // another release answers
			return;
		}
		for (const id in message.parts) {
			const at = byId(id);
			if (at) {
				at.innerHTML = message.parts[id];
			}
		}
		document.title = message.title + " · twincached";
		live();
	}

	function open() {
		clearTimeout(retry);
		if (source || document.hidden) {
			return;
		}
		heard = Date.now();
		source = new EventSource("/events");
		source.onmessage = (e) => show(JSON.parse(e.data));
		source.onerror = () => {
			notLive();
			if (source.readyState === EventSource.CLOSED) {
				close();
				retry = setTimeout(open, again);
			}
		};
	}

	function close() {
		if (source) {
			source.close();
			source = null;
		}
	}

	// A page that nobody sees costs nothing. It has to say that it stands still.
	document.addEventListener("visibilitychange", () => {
		if (document.hidden) {
			close();
			document.title = "not live · twincached";
		} else {
			open();
		}
	});
	setInterval(() => {
		if (!document.hidden && Date.now() - heard > patience) {
			notLive();
		}
	}, 500);
	open();
})();

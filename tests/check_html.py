#!/usr/bin/env python3
"""The HTML report in a browser: it works, asks nothing of the network, and everybody can use it.

    check_html.py --lastack PROGRAM [--axe FOLDER] [--screenshots FOLDER] [-k REGEX]

Opens reports of generated captures (make_many.py) in headless Chromium and prints a line a case, as
test_cli.py does. FOLDER of --axe holds node_modules/axe-core. Exit status: 0 all well, 1 not, 77
skipped: no browser, or no Selenium.
"""
import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--force-color-profile=srgb", "--hide-scrollbars")
MANY, ENORMOUS = 6000, 100000
HOSTILE = "many <img src=x onerror=alert(1)> \"&'.pcap"


def skip(why):
	print("1..0 # SKIP " + why)
	sys.exit(77)


try:
	from selenium import webdriver
	from selenium.webdriver.chrome.service import Service
	from selenium.webdriver.common.by import By
	from selenium.webdriver.common.keys import Keys
	from selenium.webdriver.support.ui import Select, WebDriverWait
except ImportError:
	skip("python3-selenium is not installed")


class Failure(Exception):
	pass


def check(good, what):
	if not good:
		raise Failure(what)


def equal(got, wanted, what):
	check(got == wanted, "%s: expected %r, got %r" % (what, wanted, got))


class Browser:
	"""Headless Chromium with a profile of its own; its console and its requests are kept."""

	def __init__(self, place):
		options = webdriver.ChromeOptions()
		for flag in FLAGS + ("--user-data-dir=%s" % tempfile.mkdtemp(dir=place),):
			options.add_argument(flag)
		options.binary_location = shutil.which("chromium")
		options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
		self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
		self.driver.set_page_load_timeout(120)
		self.driver.set_script_timeout(300)

	def size(self, width, height=900, scale=1):
		self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width,
			"height": height, "deviceScaleFactor": scale, "mobile": width < 600})

	def scheme(self, scheme):
		self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
			{"media": "screen", "features": [{"name": "prefers-color-scheme", "value": scheme}]})

	def open(self, page):
		"""Loads the page; the seconds until its table works."""
		for kind in ("browser", "performance"):
			self.driver.get_log(kind)
		started = time.monotonic()
		self.driver.get(page.as_uri())
		WebDriverWait(self.driver, 120, 0.02).until(
			lambda d: d.execute_script("return document.documentElement.dataset.ready") == "yes")
		return time.monotonic() - started

	def requests(self):
		messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
		return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

	def script(self, text, *arguments):
		return self.driver.execute_script(text, *arguments)

	def text(self, selector):
		return self.driver.find_element(By.CSS_SELECTOR, selector).text

	def column(self, number):
		return self.script("return Array.from(document.querySelectorAll('#rows tbody tr'), "
			"r => r.cells[arguments[0]].textContent)", number)

	def wait(self, what, test):
		try:
			WebDriverWait(self.driver, 20, 0.05).until(lambda _: test())
		except Exception:
			raise Failure("never happened: " + what)

	def picture(self, path, whole=True):
		if whole:
			height = self.script("return document.documentElement.scrollHeight")
			width = self.script("return innerWidth")
			shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True,
				"clip": {"x": 0, "y": 0, "width": width, "height": min(height, 16000), "scale": 1}})
		else:
			shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {})
		path.write_bytes(base64.b64decode(shot["data"]))


class Bench:
	"""Reports made once, for all cases."""

	def __init__(self, lastack, place, axe):
		self.lastack, self.place, self.axe = lastack, place, axe
		self.pages = {}
		self.browser = Browser(place)

	def report(self, count):
		if count in self.pages:
			return self.pages[count]
		capture = self.place / (HOSTILE if count == MANY else "enormous.pcap")
		database, page = self.place / ("%d.db" % count), self.place / ("%d.html" % count)
		subprocess.run([sys.executable, HERE / "make_many.py", str(count), capture], check=True)
		subprocess.run([self.lastack, "analyze", "-q", "--format", "none", "--db", database, capture],
			check=True)
		with page.open("wb") as out:
			subprocess.run([self.lastack, "report", "--format", "html", database], stdout=out, check=True)
		capture.unlink()
		self.pages[count] = page
		return page

	def many(self):
		self.browser.size(1280)
		self.browser.scheme("light")
		return self.browser.open(self.report(MANY))


# --- cases ---

def case_quiet(t):
	"""a report of 6,000 connections opens without console message or request"""
	b = t.browser
	t.many()
	equal(b.driver.get_log("browser"), [], "console")
	equal(b.requests(), [t.report(MANY).as_uri()], "requests")
	check("%s of %s" % (format(MANY, ","), format(MANY, ",")) in b.text("#matches"), b.text("#matches"))
	equal(len(b.column(0)), 100, "rows of the first page")


def case_escaping(t):
	"""a hostile file name is text, and the policy lets no other script run"""
	b = t.browser
	t.many()
	check("<img src=x onerror=alert(1)>" in b.driver.title, b.driver.title)
	equal(b.script("return document.images.length"), 0, "images")
	page = t.report(MANY).read_text()
	check(not re.search(r"<[^>]*\s(on\w+|style)\s*=", re.sub(r"(?s)<(script|style)\b.*?</\1>", "", page)
		.replace("&lt;img src=x onerror=alert(1)&gt;", "")), "an inline handler or style")
	b.script("const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
		"document.body.appendChild(s); document.body.setAttribute('style', 'opacity: 0.5')")
	equal(b.script("return window.ran || getComputedStyle(document.body).opacity"), "1", "blocked")
	check(all("Content Security Policy" in e["message"] for e in b.driver.get_log("browser")), "console")


def case_sections(t):
	"""summary, diagnoses with ladders, five pictures and the table are there"""
	b = t.browser
	t.many()
	for name in ("summary", "diagnoses", "charts", "connections", "read"):
		check(b.driver.find_elements(By.ID, name), "no section " + name)
	for name in ("classes", "closers", "heat", "silence", "time-wait"):
		check(b.driver.find_elements(By.ID, name), "no picture " + name)
	evidence = b.script("return Array.from(document.querySelectorAll('.diagnosis'), d => [d.querySelector('h3')"
		".textContent, d.querySelectorAll('svg.k-ladder, a[href^=\"#c\"]').length])")
	check(len(evidence) >= 8, "diagnoses: %r" % evidence)
	equal([e for e in evidence if e[1] == 0], [], "diagnoses without a ladder")
	equal(b.script("const ids = Array.from(document.querySelectorAll('[id]'), e => e.id);"
		"return ids.filter((id, i) => ids.indexOf(id) !== i)"), [], "ids given twice")


def case_sort(t):
	"""a click on a column's head sorts by it, another one turns the order"""
	b = t.browser
	t.many()
	lasted = b.driver.find_element(By.CSS_SELECTOR, "#rows button[data-key=n]")
	lasted.click()
	ascending = [int(n.replace(",", "")) for n in b.column(10)]
	equal(ascending, sorted(ascending), "ascending")
	lasted.click()
	descending = [int(n.replace(",", "")) for n in b.column(10)]
	equal(descending, sorted(descending, reverse=True), "descending")
	check(descending[0] > ascending[0], "both orders are the same")
	equal(lasted.find_element(By.XPATH, "..").get_attribute("aria-sort"), "descending", "aria-sort")


def case_filter(t):
	"""words, class and severity filter, and the number of matches is told"""
	b = t.browser
	t.many()
	b.driver.find_element(By.ID, "find").send_keys("10.2.0.83 :8080 half_closed")
	b.wait("filter by words", lambda: b.text("#matches").split(" of ")[0] != "6,000")
	equal(set(b.column(6)), {"half_closed"}, "classes")
	check(all(end == "10.2.0.83:8080" for end in b.column(4)), "responders")
	b.driver.find_element(By.ID, "find").clear()
	b.driver.find_element(By.ID, "find").send_keys("close-wait-stuck")
	b.wait("filter by finding", lambda: all("close-wait-stuck" in f for f in b.column(7)))
	b.script("document.getElementById('find').value = ''")
	Select(b.driver.find_element(By.ID, "class")).select_by_visible_text("refused")
	equal(set(b.column(6)), {"refused"}, "class")
	check(set(b.column(9)) == {"port_closed"}, "causes")
	Select(b.driver.find_element(By.ID, "class")).select_by_index(0)
	Select(b.driver.find_element(By.ID, "severity")).select_by_visible_text("error")
	check(b.column(7) and all("fin-not-consumed" in f for f in b.column(7)), "errors")


def case_keyboard(t):
	"""everything can be reached and worked with the keyboard alone"""
	b = t.browser
	t.many()
	seen = []
	for _ in range(400):
		b.driver.switch_to.active_element.send_keys(Keys.TAB)
		name = b.script("const e = document.activeElement; return e.id || e.dataset.key || e.tagName")
		seen.append(name)
		if name == "SUMMARY" and seen.count("SUMMARY") == 1:
			b.driver.switch_to.active_element.send_keys(Keys.ENTER)
			check(b.script("return document.activeElement.parentNode.open"), "the details stayed closed")
		if name == "n":
			b.driver.switch_to.active_element.send_keys(Keys.SPACE)
			check("ascending" == b.script("return document.activeElement.parentNode.getAttribute('aria-sort')"),
				"not sorted")
		if name == "next":
			b.driver.switch_to.active_element.send_keys(Keys.ENTER)
			equal(b.driver.find_element(By.ID, "page").get_attribute("value"), "2", "page")
		if name == "last":
			break
	for name in ("SUMMARY", "find", "class", "severity", "id", "f", "page", "next", "last"):
		check(name in seen, "%s cannot be reached: %r" % (name, seen))
	check(b.script("return getComputedStyle(document.activeElement).outlineStyle") != "none", "no focus ring")


def case_links(t):
	"""a link to a ladder opens the evidence it stands in"""
	b = t.browser
	t.many()
	drawn = b.script("return JSON.parse(document.getElementById('data').textContent).drawn")
	b.driver.find_element(By.ID, "find").send_keys("#%d" % drawn[-1])
	b.wait("one row", lambda: b.column(0) == [str(drawn[-1])])
	b.driver.find_element(By.CSS_SELECTOR, "#rows tbody a").click()
	b.wait("the ladder shows", lambda: b.script("const e = document.getElementById('c' + arguments[0]);"
		"return e.closest('details').open && e.getBoundingClientRect().top < innerHeight", drawn[-1]))


def case_axe(t):
	"""axe-core finds no serious or critical fault, in light and dark, everything open"""
	source = t.axe and pathlib.Path(t.axe) / "node_modules/axe-core/axe.min.js"
	if not source or not source.exists():
		return "axe-core is not installed"
	b = t.browser
	for scheme in ("light", "dark"):
		t.many()
		b.scheme(scheme)
		b.script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
		b.script(source.read_text())
		found = b.driver.execute_async_script("const done = arguments[0]; axe.run(document, "
			"{resultTypes: ['violations']}).then(r => done(r.violations.map(v => [v.impact, v.id, v.help, "
			"v.nodes.length, v.nodes[0].html.slice(0, 200)])), e => done([['critical', 'axe', String(e), 0, '']]))")
		for violation in found:
			print("  %s: %s" % (scheme, violation))
		equal([v for v in found if v[0] in ("serious", "critical")], [], "violations in " + scheme)
	return None


def case_phone(t):
	"""on a phone nothing is wider than the screen"""
	b = t.browser
	t.many()
	b.size(390, 844, 2)
	b.script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
	width = b.script("return document.documentElement.scrollWidth")
	check(width <= 390, "the page is %d wide" % width)


def case_print(t):
	"""it prints, with the evidence open"""
	b = t.browser
	t.many()
	b.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
	pdf = base64.b64decode(b.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
	check(pdf.startswith(b"%PDF"), "no PDF")
	pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
	check(pages >= 5, "%d pages: the evidence is closed" % pages)


def case_enormous(t):
	"""with 100,000 connections the page becomes usable, sorts and filters"""
	b = t.browser
	b.size(1280)
	b.scheme("light")
	page = t.report(ENORMOUS)
	seconds = b.open(page)
	check(format(ENORMOUS, ",") in b.text("#matches"), b.text("#matches"))
	started = time.monotonic()
	b.driver.find_element(By.CSS_SELECTOR, "#rows button[data-key=i]").click()
	sorting = time.monotonic() - started
	started = time.monotonic()
	b.driver.find_element(By.ID, "find").send_keys("10.2.0.83")
	b.wait("filter", lambda: b.text("#matches").split(" of ")[0] != format(ENORMOUS, ","))
	check(all("10.2.0.83" in end for end in b.column(4)), "responders")
	equal(b.driver.get_log("browser"), [], "console")
	print("  %.1f MB: usable after %.2f s; sorted in %.2f s, filtered in %.2f s" % (
		page.stat().st_size / 1e6, seconds, sorting, time.monotonic() - started))


def take_pictures(t, folder):
	"""For people: the page in light, dark, on a phone and on paper."""
	folder = pathlib.Path(folder)
	folder.mkdir(parents=True, exist_ok=True)
	b = t.browser
	for name, scheme, width, scale in (("light", "light", 1280, 1), ("dark", "dark", 1280, 1),
			("phone", "light", 390, 2)):
		t.many()
		b.size(width, 900, scale)
		b.scheme(scheme)
		b.script("document.querySelectorAll('details').forEach((d, i) => { d.open = i === 0; })")
		b.picture(folder / (name + ".png"))
	t.many()
	b.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
	(folder / "print.pdf").write_bytes(base64.b64decode(
		b.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"]))


def run(t, pattern):
	failed = number = 0
	for name, case in list(globals().items()):
		if not name.startswith("case_") or not re.search(pattern, name):
			continue
		number += 1
		try:
			skipped = case(t)
		except Exception as failure:  # whatever goes wrong fails this case alone
			failed += 1
			print("not ok %d - %s\n  %s" % (number, case.__doc__, str(failure)[:2000].replace("\n", "\n  ")))
		else:
			print("ok %d - %s%s" % (number, case.__doc__, " # SKIP " + skipped if skipped else ""))
		sys.stdout.flush()
	print("1..%d\n%d passed, %d failed" % (number, number - failed, failed))
	return 1 if failed or not number else 0


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True)
	parser.add_argument("--axe", metavar="FOLDER")
	parser.add_argument("--screenshots", metavar="FOLDER", help="take pictures for people instead")
	parser.add_argument("-k", default="", metavar="REGEX", help="only cases whose name matches")
	arguments = parser.parse_args()
	if not shutil.which("chromium") or not shutil.which("chromedriver"):
		skip("chromium or chromium-driver is not installed")
	with tempfile.TemporaryDirectory() as place:
		t = Bench(os.path.abspath(arguments.lastack), pathlib.Path(place), arguments.axe)
		try:
			if arguments.screenshots:
				take_pictures(t, arguments.screenshots)
				return 0
			return run(t, arguments.k)
		finally:
			t.browser.driver.quit()


sys.exit(main())

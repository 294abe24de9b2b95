"use strict";
(function () {
  var PAGE = 100;
  var data = JSON.parse(document.getElementById("data").textContent);
  var c = data.c, rows = data.rows;

  // --- columns as the table needs them ---

  function sums(list) { // differences to values
    var out = new Float64Array(list.length), last = 0;
    for (var i = 0; i < list.length; i++) { last += list[i]; out[i] = last; }
    return out;
  }

  function byId(list) {
    var map = new Map();
    list.forEach(function (item) { map.set(item[0], item); });
    return map;
  }

  var id = sums(c.id), time = sums(c.t);
  var hosts = byId(data.hosts), outcomes = byId(data.outcomes), applications = byId(data.applications), codes = byId(data.codes);
  var drawn = new Set(data.drawn);
  var findings = new Map(); // connection id: [[code id, severity], ...]
  data.findings.forEach(function (f) {
    if (!findings.has(f[0])) findings.set(f[0], []);
    findings.get(f[0]).push([f[1], f[2]]);
  });
  var severity = new Int8Array(rows).fill(-1);
  for (var r = 0; r < rows; r++) {
    (findings.get(id[r]) || []).forEach(function (f) { severity[r] = Math.max(severity[r], f[1]); });
  }

  // addresses in the order of their numbers, so that 10.0.0.9 stands before 10.0.0.10
  function addressKey(text) {
    return text.indexOf(":") < 0 ? text.split(".").map(function (n) { return n.padStart(3, "0"); }).join(".") : "~" + text;
  }
  var rank = new Map();
  data.hosts.slice().sort(function (x, y) {
    var a = addressKey(x[1]), b = addressKey(y[1]);
    return a < b ? -1 : a > b ? 1 : 0;
  }).forEach(function (host, i) { rank.set(host[0], i); });

  function host(hostId) { return hosts.get(hostId)[1]; }
  function end(hostId, port) {
    var address = host(hostId);
    return (address.indexOf(":") < 0 ? address : "[" + address + "]") + ":" + port;
  }
  function outcome(row) { return outcomes.get(c.o[row]); }

  var sortValue = {
    id: function (i) { return id[i]; },
    t: function (i) { return time[i]; },
    d: function (i) { return c.d[i]; },
    i: function (i) { return rank.get(c.i[i]) * 65536 + c.ip[i]; },
    r: function (i) { return rank.get(c.r[i]) * 65536 + c.rp[i]; },
    a: function (i) { var a = applications.get(c.a[i]); return a ? a[1] : ""; },
    o: function (i) { return outcome(i)[1]; },
    k: function (i) { return outcome(i)[2]; },
    x: function (i) { return outcome(i)[4] || ""; },
    n: function (i) { return c.n[i]; },
    b: function (i) { return c.b[i]; },
    f: function (i) { return severity[i] * 1000 + (findings.get(id[i]) || []).length; }
  };

  // --- values as people read them ---

  function two(n) { return String(n).padStart(2, "0"); }
  function dayText(ms) {
    var d = new Date(ms);
    return d.getUTCFullYear() + "-" + two(d.getUTCMonth() + 1) + "-" + two(d.getUTCDate());
  }
  // one day for all stands in the head, else each row has its own
  var oneDay = rows > 0 && dayText(time[0]) === dayText(time[rows - 1]) ? dayText(time[0]) : "";
  function timeText(ms) {
    var d = new Date(ms);
    return (oneDay ? "" : dayText(ms) + " ") + two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + ":" + two(d.getUTCSeconds()) + "." + String(d.getUTCMilliseconds()).padStart(3, "0");
  }
  function durationText(us) {
    if (us < 1000) return us + " us";
    if (us < 1e6) return (us / 1000).toPrecision(3) + " ms";
    if (us < 6e7) return (us / 1e6).toPrecision(3) + " s";
    var s = Math.floor(us / 1e6);
    if (s < 3600) return Math.floor(s / 60) + " min " + s % 60 + " s";
    return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  }
  function count(n) { return n.toLocaleString("en-US"); }
  function bytesText(n) {
    if (n < 1000) return n + " B";
    var units = ["kB", "MB", "GB", "TB"], k = -1;
    do { n /= 1000; k++; } while (n >= 999.95 && k < units.length - 1);
    return n.toFixed(1) + " " + units[k];
  }

  // --- filter and order ---

  var order = new Int32Array(0), sortKey = "t", descending = false, page = 0;
  var find = document.getElementById("find"), classes = document.getElementById("class");
  var least = document.getElementById("severity"), pageField = document.getElementById("page");

  // what the words may match: hosts, classes, codes are looked up once, not once a row
  function matcher(word) {
    var hostHit = new Set(), outcomeHit = new Set(), codeHit = new Set(), appHit = new Set();
    data.hosts.forEach(function (h) { if (h[1].toLowerCase().indexOf(word) >= 0) hostHit.add(h[0]); });
    data.outcomes.forEach(function (o) {
      if (o.slice(1).some(function (v) { return typeof v === "string" && v.indexOf(word) >= 0; })) outcomeHit.add(o[0]);
    });
    data.codes.forEach(function (k) { if (k[1].indexOf(word) >= 0) codeHit.add(k[0]); });
    data.applications.forEach(function (a) { if ((a[1] + " " + a[2]).toLowerCase().indexOf(word) >= 0) appHit.add(a[0]); });
    var port = /^:\d+$/.test(word) ? Number(word.slice(1)) : -1;
    var number = /^#?\d+$/.test(word) ? Number(word.replace("#", "")) : -1;
    var full = word.indexOf(":") > 0 ? word : null; // ADDRESS:PORT
    return function (i) {
      return hostHit.has(c.i[i]) || hostHit.has(c.r[i]) || outcomeHit.has(c.o[i]) || appHit.has(c.a[i]) ||
        (port >= 0 && (c.ip[i] === port || c.rp[i] === port)) || (number >= 0 && id[i] === number) ||
        (full !== null && (end(c.i[i], c.ip[i]).toLowerCase() === full || end(c.r[i], c.rp[i]).toLowerCase() === full)) ||
        (codeHit.size > 0 && (findings.get(id[i]) || []).some(function (f) { return codeHit.has(f[0]); }));
    };
  }

  function select() {
    var words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean).map(matcher);
    var wanted = classes.value, worst = Number(least.value), kept = [];
    for (var i = 0; i < rows; i++) {
      if (wanted && outcome(i)[1] !== wanted) continue;
      if (severity[i] < worst) continue;
      if (!words.every(function (match) { return match(i); })) continue;
      kept.push(i);
    }
    order = Int32Array.from(kept);
    arrange();
  }

  function arrange() {
    var value = sortValue[sortKey], sign = descending ? -1 : 1, keys = new Array(rows);
    for (var k = 0; k < order.length; k++) keys[order[k]] = value(order[k]);
    order.sort(function (x, y) {
      var a = keys[x], b = keys[y];
      return a < b ? -sign : a > b ? sign : x - y;
    });
    page = 0;
    draw();
  }

  // --- drawing ---

  var body = document.querySelector("#rows tbody");

  function cell(row, text, name) {
    var td = document.createElement("td");
    if (name) td.className = name;
    td.textContent = text;
    row.appendChild(td);
    return td;
  }

  function drawRow(i) {
    var row = document.createElement("tr"), o = outcome(i), first = cell(row, "", "number");
    if (drawn.has(id[i])) {
      var link = document.createElement("a");
      link.href = "#c" + id[i];
      link.textContent = id[i];
      link.title = "its ladder is on this page";
      first.appendChild(link);
    } else {
      first.textContent = id[i];
    }
    cell(row, timeText(time[i]));
    cell(row, durationText(c.d[i]), "number");
    cell(row, end(c.i[i], c.ip[i]));
    cell(row, end(c.r[i], c.rp[i]));
    var application = applications.get(c.a[i]), named = cell(row, application ? application[1] : "", "application");
    if (application && application[2]) named.title = application[2];
    cell(row, o[1]);
    var last = cell(row, "", "codes");
    (findings.get(id[i]) || []).forEach(function (f) {
      var span = document.createElement("span");
      span.className = "code s" + f[1];
      span.textContent = codes.get(f[0])[1];
      last.appendChild(span);
    });
    cell(row, o[2]);
    cell(row, o[4] || "");
    cell(row, count(c.n[i]), "number");
    cell(row, bytesText(c.b[i]), "number");
    return row;
  }

  function draw() {
    var pages = Math.max(1, Math.ceil(order.length / PAGE)), part = document.createDocumentFragment();
    page = Math.min(Math.max(0, page), pages - 1);
    for (var k = page * PAGE; k < Math.min(order.length, (page + 1) * PAGE); k++) part.appendChild(drawRow(order[k]));
    body.replaceChildren(part);
    document.getElementById("matches").textContent = count(order.length) + " of " + count(rows) + " connections" +
      (data.all > rows ? " (the earliest of " + count(data.all) + "; lastack query lists all)" : "");
    document.getElementById("pages").textContent = "of " + count(pages);
    pageField.value = page + 1;
    pageField.max = pages;
    document.getElementById("first").disabled = document.getElementById("previous").disabled = page === 0;
    document.getElementById("next").disabled = document.getElementById("last").disabled = page === pages - 1;
  }

  function turn(to) { page = to; draw(); }

  document.getElementById("first").addEventListener("click", function () { turn(0); });
  document.getElementById("previous").addEventListener("click", function () { turn(page - 1); });
  document.getElementById("next").addEventListener("click", function () { turn(page + 1); });
  document.getElementById("last").addEventListener("click", function () { turn(Infinity); });
  pageField.addEventListener("change", function () { turn((Number(pageField.value) || 1) - 1); });

  var waiting = 0;
  find.addEventListener("input", function () { clearTimeout(waiting); waiting = setTimeout(select, 120); });
  classes.addEventListener("change", select);
  least.addEventListener("change", select);
  document.getElementById("filters").addEventListener("submit", function (event) { event.preventDefault(); select(); });

  document.querySelectorAll("#rows th button").forEach(function (button) {
    button.addEventListener("click", function () {
      var key = button.dataset.key;
      descending = key === sortKey ? !descending : false;
      sortKey = key;
      document.querySelectorAll("#rows th").forEach(function (th) { th.removeAttribute("aria-sort"); });
      button.parentNode.setAttribute("aria-sort", descending ? "descending" : "ascending");
      arrange();
    });
  });

  // --- links into closed details, and paper ---

  function open(hash) {
    var target = hash.length > 1 ? document.getElementById(hash.slice(1)) : null;
    for (var at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target && target.closest("details")) target.scrollIntoView();
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest('a[href^="#"]');
    if (link) setTimeout(function () { open(link.getAttribute("href")); }, 0);
  });
  open(location.hash);

  var opened = [];
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not([open])").forEach(function (d) { d.open = true; opened.push(d); });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (d) { d.open = false; });
    opened = [];
  });

  document.getElementById("rows").classList.toggle("unnamed", data.applications.length === 0);
  if (oneDay) document.querySelector("#rows button[data-key=t]").textContent = oneDay + " UTC";
  document.getElementById("table").hidden = false;
  select();
  document.documentElement.dataset.ready = "yes";
}());

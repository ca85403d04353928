// A cell, opened: all that is recorded of it, in a dialog.
(function () {
  "use strict";
  const element = tfparity.element;

  function shownVerdict(grid, value) {
    const found = grid.verdicts.find(function (one) { return one[1] === value || one[0] === value; });
    return element("span", { class: "verdict " + found[1], title: found[4] }, element("span", { class: "sign", "aria-hidden": "true" }, found[2]), " " + found[3]);
  }

  function words(grid, value) {
    return grid.verdicts.find(function (one) { return one[1] === value || one[0] === value; })[3];
  }

  function rows(pairs) {
    const list = element("dl", { class: "facts" });
    for (const [name, ...value] of pairs) {
      if (value.length && value[0] != null && value[0] !== "") list.append(element("dt", {}, name), element("dd", {}, ...value));
    }
    return list;
  }

  function number(value) { return value == null ? null : value === 0 ? "0" : Number(value).toExponential(1); }

  function errorBlock(file, fingerprint) {
    const error = fingerprint && file.errors[fingerprint];
    return error ? element("pre", { class: "error", tabindex: "0" }, error.stage + ": " + (error.type ? error.type + ": " : "") + error.message) : null;
  }

  function entries(grid, file, title, found) {
    const names = Object.keys(found);
    if (!names.length) return null;
    return element("section", {}, element("h3", {}, title), element("ul", {}, ...names.map(function (name) {
      const one = found[name];
      const made = one.deployed, axes = made ? Object.entries(made.dynamic) : [];
      const parts = [
        made && made.grade === "form" ? "form only" : made ? words(grid, made.verdict) : one.outcome,
        one.max_abs == null ? "" : "max error " + number(one.max_abs),
        one.megabytes == null ? "" : one.megabytes + " MB",
        made && made.snr_db != null ? "signal to noise " + made.snr_db + " dB" + (made.allowed_db == null ? "" : ", has to be " + made.allowed_db) : "",
        axes.length ? "axes " + axes.map(function ([axis, kept]) { return kept ? axis : "not " + axis; }).join(", ") : "",
        made && made.flex && made.flex.length ? "TensorFlow's operators " + made.flex.join(", ") : "",
        made && made.remedies.length ? "by " + made.remedies.join(", ") : "",
        one.compiled ? compiled(one.compiled) : "",
      ];
      return element("li", {}, element("b", {}, name), ": " + parts.filter(Boolean).join(", "), errorBlock(file, one.error));
    })));
  }

  function compiled(made) {
    const left = Object.entries(made.left).sort(function (a, b) { return b[1] - a[1] || (a[0] < b[0] ? -1 : 1); });
    return made.operators + " operators, " + made.parts + " parts on " + made.accelerator + ", left on the CPU: " +
      (left.map(function ([name, count]) { return name + " " + count; }).join(", ") || "none");
  }

  function attempts(file, cell) {
    const body = cell.attempts.map(function (one) {
      const error = one.error && file.errors[one.error];
      const text = error ? (error.type ? error.type + ": " : "") + error.message : "";
      return element("tr", {}, element("td", {}, one.opset == null ? "–" : String(one.opset)), element("td", {}, one.remedies.join(", ") || "none"),
        element("td", {}, one.stage + ": " + one.outcome), element("td", { class: "why" }, text.length > 300 ? text.slice(0, 300) + "…" : text));
    });
    return element("section", {}, element("h3", {}, "Attempts"), element("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "Attempts" },
      element("table", { class: "plain" }, element("thead", {}, element("tr", {}, ...["Opset", "Remedies", "Last stage", "Error"].map(function (name) { return element("th", { scope: "col" }, name); }))),
        element("tbody", {}, ...body))));
  }

  function stages(cell) {
    const names = Object.keys(cell.stages);
    if (!names.length) return null;
    return names.map(function (name) {
      const one = cell.stages[name];
      return name + (one.seconds == null ? "" : " " + one.seconds + " s") + (one.peak_mib == null ? "" : " (" + one.peak_mib + " MiB)");
    }).join(", ");
  }

  function recordedCell(grid, file, cell) {
    const axes = Object.entries(cell.axes).map(function ([name, kept]) { return kept ? name : "not " + name; }).join(", ");
    const latency = Object.entries(cell.latency).map(function ([name, one]) { return name + ": " + (one.median == null ? "" : one.median + " times torch's time, ") + one.verdict; }).join("; ");
    const grade = grid.grades.find(function (one) { return one[0] === cell.grade; });
    return [
      rows([
        ["Verdict", shownVerdict(grid, cell.verdict)],
        ["Why", cell.why],
        ["Grade", grade && grade[1]],
        ["Max error", number(cell.max_abs), cell.floor == null ? "" : " (torch's own rounding: " + number(cell.floor) + ")"],
        ["Opset", cell.opset ? String(cell.opset) : null],
        ["Remedies", cell.remedies.join(", ")],
        ["Not tried", cell.untried.join(", ")],
        ["Known issue", cell.limitation ? element("a", { href: tfparity.root + "limitations/" + cell.limitation + ".html" }, cell.limitation) : null],
        ["Axes kept", axes],
        ["Names and order", cell.signature == null ? null : cell.signature ? "kept" : "lost"],
        ["Checked at level", String(cell.level)],
        ["Agreement", cell.agreement && cell.agreement.cosine != null ? "cosine " + cell.agreement.cosine + (cell.agreement.top_k == null ? "" : ", top five " + cell.agreement.top_k) : null],
        ["Answers", cell.answer ? "torch: " + (cell.answer.torch || "none") + "; TensorFlow: " + (cell.answer.tensorflow || "none") : null],
        ["Stages", stages(cell)],
        ["Artifact", cell.artifact ? cell.artifact.megabytes + " MB, converted in " + cell.artifact.seconds + " s" : null],
        ["Latency", latency || "untested"],
        ["History", cell.history.length > 1 ? cell.history.map(function (one) { return one.when.slice(0, 10) + " " + (one.verdict ? words(grid, one.verdict) : "removed"); }).join("; ") : null],
        ["Ran", cell.ran_at ? cell.ran_at.slice(0, 10) + (cell.host ? " on " + cell.host : "") + (cell.seconds == null ? "" : ", " + cell.seconds + " s in all") : null],
      ]),
      errorBlock(file, cell.error),
      attempts(file, cell),
      entries(grid, file, "Targets", cell.targets) || rows([["Targets", "untested beside the SavedModel"]]),
      entries(grid, file, "Runtimes", cell.runtimes) || rows([["Runtimes", "untested elsewhere"]]),
      entries(grid, file, "Probes", cell.probes),
      element("h3", {}, "Run it again"),
      element("pre", { class: "commands", tabindex: "0" }, element("code", {}, cell.command)),
    ];
  }

  function otherCell(grid, file, route, name) {
    const rest = file.rest.find(function (one) { return one.route === route && one.cases.includes(name); });
    if (!rest) return [element("p", {}, "The plan has no such cell.")];
    return [rows([["Verdict", shownVerdict(grid, rest.verdict)], ["Why", rest.reason || "nothing was run"]]),
      rest.verdict === "untested" ? element("h3", {}, "Run it") : null,
      rest.verdict === "untested" ? element("pre", { class: "commands", tabindex: "0" }, element("code", {},
        'python -m nox -s "compat(' + file.toolchain + ')" -- --case ' + name + " --route " + route)) : null];
  }

  /** Opens the cell of toolchain/family/name/route; `closed` is called when it is closed. */
  async function open(grid, place, closed) {
    const dialog = document.getElementById("cell"), parts = place.split("/");
    const toolchain = parts[0], route = parts[parts.length - 1], name = parts.slice(1, -1).join("/");
    const close = element("button", { type: "button", class: "close" }, "Close");
    close.addEventListener("click", function () { dialog.close(); });
    const title = element("h2", { id: "cell-title" }, name);
    const under = element("p", {}, "on ", element("a", { href: tfparity.root + "toolchains/" + toolchain + ".html" }, toolchain), " by ", route, " · ",
      element("a", { href: tfparity.root + "cases/" + name + ".html" }, "all of this model"));
    let content;
    if (!grid.toolchains.some(function (chain) { return chain.id === toolchain; })) {
      content = [element("p", {}, "There is no such toolchain.")];
    } else {
      try {
        const file = await tfparity.need("cells/" + toolchain);
        const cell = file.cells.find(function (one) { return one.case === name && one.route === route; });
        content = cell ? recordedCell(grid, file, cell) : otherCell(grid, file, route, name);
      } catch (failed) {
        content = [element("p", {}, failed.message)];
      }
    }
    dialog.replaceChildren(close, title, under, ...content.filter(Boolean));
    dialog.onclose = closed;
    if (!dialog.open) dialog.showModal();
    close.focus();
  }

  Object.assign(tfparity, { openCell: open, shownVerdict });
})();

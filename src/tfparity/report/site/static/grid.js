// The home page: both questions, the grid of cells with its filters, and the link that keeps every view. The table is
// DataTables'; it asks for the rows in sight, so that a view of 50,000 cells costs no more than its filter.
(function () {
  "use strict";
  const FILTERS = ["q", "state", "tf", "torch", "python", "onnxtf", "family", "route", "target", "toolchain"];
  const COLUMNS = ["case", "toolchain", "route", "verdict", "grade", "max", "opset", "why", "day"];
  const HEADS = ["Model", "Toolchain", "Route", "Verdict", "Grade", "Max error", "Opset", "Remedies, known issue", "Ran"];
  let grid, view, table, matching = [], hay, rowOf, overview = null;

  function read() {
    const given = new URLSearchParams(location.hash.slice(1)), found = {};
    for (const name of [...FILTERS, "cell", "sort"]) found[name] = given.get(name) || "";
    return found;
  }

  function hash(of) {
    const made = new URLSearchParams();
    for (const [name, value] of Object.entries(of)) if (value) made.set(name, value);
    return "#" + made.toString();
  }

  /** Show a view; `push` leaves the one before for the back button. */
  function go(next, push) {
    const link = hash(next);
    if (link === location.hash || (link === "#" && !location.hash)) return;
    history[push ? "pushState" : "replaceState"](null, "", link);
    follow();
  }

  function minors(values) { return [...new Set(values.filter(Boolean))].sort(function (a, b) { return b.localeCompare(a, "en", { numeric: true }); }); }

  function fill(id, values, first) {
    const select = document.getElementById("f-" + id);
    select.replaceChildren(...[["", first], ...values].map(function (one) {
      const [value, text] = Array.isArray(one) ? one : [one, one];
      return tfparity.element("option", { value }, text);
    }));
  }

  function prepare() {
    const chains = grid.toolchains;
    fill("state", [["all", "every planned cell"], ...grid.verdicts.map(function (one) { return [one[1], one[2] + " " + one[3]]; })], "was run");
    document.querySelector("#f-state option").value = "ran";
    fill("tf", minors(chains.map(function (one) { return one.tensorflow; })), "any");
    fill("torch", minors(chains.map(function (one) { return one.torch; })), "any");
    fill("python", minors(chains.map(function (one) { return one.python; })), "any");
    fill("onnxtf", minors(chains.map(function (one) { return one.onnx_tf; })), "any");
    fill("family", [...new Set(grid.cases.map(function (one) { return one.split("/")[0]; }))], "any");
    fill("route", grid.routes, "any");
    const recorded = new Set(grid.ran.map(function (row) { return row[9]; })); // few texts, many rows
    const named = [...recorded].filter(Boolean).flatMap(function (text) { return text.split(", ").map(function (one) { return one.split(": ")[0]; }); });
    fill("target", [...new Set([...grid.targets.flat(), ...named])], "any");
    fill("toolchain", chains.map(function (one) { return one.id; }), "any");
    rowOf = new Int32Array(grid.ways.length * grid.cases.length).fill(-1); // cell → place in grid.ran
    grid.ran.forEach(function (row, at) { rowOf[row[0] * grid.cases.length + row[1]] = at; });
    grid.families = grid.cases.map(function (one) { return one.split("/")[0]; });
    const letters = {};
    grid.verdicts.forEach(function (one) { letters[one[0]] = one; });
    grid.letters = letters;
    hay = {
      cases: grid.cases.map(plain),
      ways: grid.ways.map(function ([chain, route]) {
        const one = chains[chain];
        return plain([one.id, "tf" + one.tensorflow, "tensorflow" + one.tensorflow, "torch" + one.torch, "python" + one.python, grid.routes[route]].join(" "));
      }),
      rules: grid.limitations.map(plain),
      remedies: grid.remedies.map(plain),
    };
  }

  function plain(text) { return text.toLowerCase(); }

  /** Which of the texts have a word: 1 or 0 for each. */
  function having(texts, word) { return Uint8Array.from(texts, function (text) { return text.includes(word) ? 1 : 0; }); }

  /** What a word of the search is found in. */
  function searched(word) {
    const letters = grid.verdicts.filter(function (one) { return plain(one[3]).includes(word) || one[1].includes(word); }).map(function (one) { return one[0]; });
    return { cases: having(hay.cases, word), ways: having(hay.ways, word), rules: having(hay.rules, word), remedies: having(hay.remedies, word), letters: letters.join("") };
  }

  function found(word, way, place, letter, row) {
    return word.cases[place] || word.ways[way] || word.letters.includes(letter) || (row >= 0 && (word.rules[grid.ran[row][6]] || word.remedies[grid.ran[row][5]]));
  }

  function asks(chain, route) {
    return (!view.tf || chain.tensorflow === view.tf) && (!view.torch || chain.torch === view.torch) && (!view.python || chain.python === view.python)
      && (!view.onnxtf || chain.onnx_tf === view.onnxtf) && (!view.toolchain || chain.id === view.toolchain) && (!view.route || grid.routes[route] === view.route);
  }

  /** The cells of the view, as way * cases + case. */
  function filtered() {
    const words = plain(view.q).split(/\s+/).filter(Boolean).map(searched), state = view.state || "ran", size = grid.cases.length;
    const wanted = grid.verdicts.filter(function (one) {
      return state === "all" || one[1] === state || (state === "ran" && "wrpb".includes(one[0]));
    }).map(function (one) { return one[0]; }).join("");
    const family = Uint8Array.from(grid.families, function (one) { return !view.family || one === view.family ? 1 : 0; });
    const places = [];
    grid.ways.forEach(function ([chain, route], way) {
      if (!asks(grid.toolchains[chain], route)) return;
      const gives = !view.target || grid.targets[route].includes(view.target), states = grid.states[way], start = way * size;
      cells: for (let place = 0; place < size; place++) {
        const letter = states[place], row = rowOf[start + place];
        if (!family[place] || !wanted.includes(letter)) continue;
        if (!gives && !(row >= 0 && grid.ran[row][9].includes(view.target))) continue;
        for (const word of words) if (!found(word, way, place, letter, row)) continue cells;
        places.push(start + place);
      }
    });
    return places;
  }

  function value(place, column) {
    const size = grid.cases.length, way = Math.floor(place / size), one = place % size, row = grid.ran[rowOf[place]];
    switch (column) {
      case "case": return grid.cases[one];
      case "toolchain": return grid.ways[way][0];
      case "route": return grid.routes[grid.ways[way][1]];
      case "verdict": return grid.verdicts.indexOf(grid.letters[grid.states[way][one]]);
      case "grade": return row && row[2] >= 0 ? row[2] : 99;
      case "max": return row && row[4] != null ? row[4] : Infinity;
      case "opset": return row ? row[3] : -1;
      case "why": return row ? grid.remedies[row[5]] + grid.limitations[row[6]] : "";
      default: return row ? row[8] : "";
    }
  }

  function sorted(places, column, down) {
    if (column === "case") { // the order of the zoo is none of the alphabet: its places once, then numbers
      grid.alphabet = grid.alphabet || grid.cases.map(function (_, place) { return place; })
        .sort(function (a, b) { return grid.cases[a] < grid.cases[b] ? -1 : 1; })
        .reduce(function (rank, place, at) { rank[place] = at; return rank; }, []);
    }
    const keys = new Map(places.map(function (place) { return [place, column === "case" ? grid.alphabet[place % grid.cases.length] : value(place, column)]; }));
    const sign = down ? -1 : 1;
    return places.slice().sort(function (a, b) {
      const first = keys.get(a), second = keys.get(b);
      return first < second ? -sign : first > second ? sign : a - b;
    });
  }

  /** A row as DataTables shows it; every text in it is escaped. */
  function shown(place) {
    const size = grid.cases.length, way = Math.floor(place / size), one = place % size, row = grid.ran[rowOf[place]];
    const [chain, route] = grid.ways[way], verdict = grid.letters[grid.states[way][one]];
    const id = grid.toolchains[chain].id, name = grid.cases[one], rule = row && grid.limitations[row[6]];
    const cell = hash({ ...view, cell: [id, name, grid.routes[route]].join("/") });
    const why = [row && row[5] ? escaped(grid.remedies[row[5]]) : "", rule ? '<a href="limitations/' + encodeURIComponent(rule) + '.html">' + escaped(rule) + "</a>" : ""];
    return ['<a class="opens" href="' + escaped(cell) + '">' + escaped(name) + "</a>", escaped(id), escaped(grid.routes[route]),
      '<span class="verdict ' + verdict[1] + '"><span class="sign" aria-hidden="true">' + verdict[2] + "</span> " + verdict[3] + "</span>",
      row && row[2] >= 0 ? grid.grades[row[2]][1] : "–", row && row[4] != null ? (row[4] === 0 ? "0" : row[4].toExponential(1)) : "–",
      row && row[3] ? String(row[3]) : "–", why.filter(Boolean).join("; ") || "–", (row && row[8]) || "–"];
  }

  function escaped(text) {
    return String(text).replace(/[&<>"']/g, function (one) { return "&#" + one.charCodeAt(0) + ";"; });
  }

  let filteredFor = null, order = "";

  function rows(asked, answer) {
    const { cell, sort, ...filter } = view, key = JSON.stringify(filter);
    const by = asked.order && asked.order.length ? COLUMNS[asked.order[0].column] + ":" + asked.order[0].dir : "";
    if (key !== filteredFor) { matching = filtered(); filteredFor = key; order = ""; }
    if (by !== order) {
      if (by) matching = sorted(matching, by.split(":")[0], by.endsWith(":desc"));
      else matching = matching.slice().sort(function (a, b) { return a - b; });
      order = by;
    }
    document.getElementById("cells-count").textContent = matching.length.toLocaleString("en") + (matching.length === 1 ? " cell" : " cells");
    answer({ draw: asked.draw, recordsTotal: matching.length, recordsFiltered: matching.length,
      data: matching.slice(asked.start, asked.start + asked.length).map(shown) });
  }

  /** For who measures: when rows were last shown. */
  function drawn() { performance.mark("tfparity-drawn"); }

  function makeTable() {
    const [column, direction] = (view.sort || "").split(":");
    table = jQuery("#cells-table").DataTable({
      serverSide: true, processing: false, searching: false, autoWidth: false, pageLength: 25, lengthMenu: [25, 50, 100, 250],
      order: COLUMNS.includes(column) ? [[COLUMNS.indexOf(column), direction === "desc" ? "desc" : "asc"]] : [],
      ajax: rows, columns: HEADS.map(function (title) { return { title }; }),
      language: { emptyTable: "No cell is as asked.", info: "_START_ to _END_ of _TOTAL_", infoEmpty: "" },
    });
    table.on("draw", drawn);
    drawn();
    table.on("order", function () {
      const now = table.order();
      const sort = now.length ? COLUMNS[now[0][0]] + ":" + now[0][1] : "";
      if (sort !== view.sort) { view.sort = sort; history.replaceState(null, "", hash(view)); }
    });
  }

  function follow() {
    const before = view;
    view = read();
    const filtersAsked = FILTERS.some(function (name) { return view[name]; });
    document.getElementById("cells").hidden = !filtersAsked;
    document.getElementById("overview").hidden = filtersAsked;
    document.getElementById("start").hidden = filtersAsked;
    if (!filtersAsked && !overview) overview = jQuery("#overview-table").DataTable({ paging: false, searching: false, info: false, autoWidth: false, order: [] });
    if (filtersAsked) {
      for (const name of FILTERS) {
        const box = document.getElementById("f-" + name), wanted = view[name] || (name === "state" ? "ran" : "");
        if (box.value !== wanted) box.value = wanted;
      }
      const same = before && table && FILTERS.every(function (name) { return before[name] === view[name]; });
      if (!table) makeTable(); else if (!same) table.ajax.reload();
    }
    const dialog = document.getElementById("cell");
    if (view.cell) {
      const opened = document.activeElement;
      tfparity.openCell(grid, view.cell, function () {
        if (read().cell) go({ ...view, cell: "" }, true);
        if (opened && opened.isConnected) opened.focus();
      });
    } else if (dialog.open) dialog.close();
  }

  function questions() {
    document.getElementById("start").addEventListener("focusin", function () { // a thousand names, for who types one
      document.getElementById("model-list").append(...grid.cases.map(function (name) { return tfparity.element("option", { value: name }); }));
    }, { once: true });
    const answer = document.getElementById("versions-answer"), tool = document.getElementById("tool-answer");
    function versions() {
      const version = document.getElementById("ask-tf").value, text = document.getElementById("ask-models").value;
      const cases = tfparity.modelsIn(grid, text);
      if (cases.length) answer.replaceChildren(tfparity.card(grid, cases, version));
      else if (version) answer.replaceChildren(tfparity.element("p", {}, tfparity.element("a", { href: "tensorflow/" + version + ".html" }, "TensorFlow " + version + ": what to install, what works")));
      else answer.replaceChildren();
    }
    function which() {
      const cases = tfparity.modelsIn(grid, document.getElementById("ask-model").value);
      tool.replaceChildren(...cases.map(function (one) { return tfparity.card(grid, [one], ""); }));
    }
    document.getElementById("versions-form").addEventListener("input", versions);
    document.getElementById("tool-form").addEventListener("input", which);
    for (const id of ["versions-form", "tool-form"]) {
      document.getElementById(id).addEventListener("submit", function (event) { event.preventDefault(); });
    }
  }

  document.addEventListener("DOMContentLoaded", function () {
    grid = tfparity.data.grid;
    prepare();
    questions();
    const filters = document.getElementById("filters");
    let typed = 0;
    filters.addEventListener("input", function (event) {
      const box = event.target, take = function () { go({ ...view, [box.id.slice(2)]: box.value, cell: "" }, box.tagName === "SELECT"); };
      cancelAnimationFrame(typed); // of what is typed within a frame the last counts
      if (box.tagName === "SELECT") take(); else typed = requestAnimationFrame(take);
    });
    filters.addEventListener("submit", function (event) { event.preventDefault(); });
    filters.addEventListener("reset", function (event) { event.preventDefault(); go({ state: "ran" }, true); });
    document.getElementById("link").addEventListener("click", async function () {
      const said = document.getElementById("cells-count");
      try { await navigator.clipboard.writeText(location.href); said.textContent = "The link is copied."; } catch (refused) { said.textContent = location.href; }
    });
    window.addEventListener("hashchange", follow);
    window.addEventListener("popstate", follow);
    follow();
  });
})();

// Which versions for these models: the rule of tfparity's evidence/advice.py, to which a test holds it. Of toolchains on which
// all convert, fewest by hand, fewest with a remedy, the best grades, the default, the newest.
(function () {
  "use strict";
  const element = tfparity.element;

  const FITS = 0, UNTESTED = 1, FAILS = 2;

  /** Way and case → the recorded cell. */
  function recorded(grid) {
    grid.byPlace = grid.byPlace || new Map(grid.ran.map(function (row) { return [row[0] * grid.cases.length + row[1], row]; }));
    return grid.byPlace;
  }

  /** The smaller of two lists of numbers, place by place. */
  function compare(a, b) {
    for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at] - b[at];
    return 0;
  }

  /** A case by a way: null where it cannot be. rank: fits, by hand, verdict, grade. */
  function pick(grid, way, one) {
    const letter = grid.states[way][one], row = recorded(grid).get(way * grid.cases.length + one);
    if (".nu".includes(letter)) return null;
    const fit = "wr".includes(letter) ? FITS : "pb".includes(letter) ? FAILS : UNTESTED;
    const position = grid.verdicts.findIndex(function (one) { return one[0] === (row ? row[10] : letter); });
    return { way, letter, row, fit, rank: [fit, Number(grid.by_hand.includes(grid.ways[way][1])), position, row && row[2] >= 0 ? row[2] : grid.grades.length] };
  }

  /** A toolchain with its best way for each case. */
  function plan(grid, place, cases) {
    const ways = [];
    grid.ways.forEach(function (way, at) { if (way[0] === place) ways.push(at); });
    const picks = cases.map(function (one) {
      return ways.map(function (way) { return pick(grid, way, one); }).filter(Boolean)
        .reduce(function (best, other) { return best && compare(best.rank, other.rank) <= 0 ? best : other; }, null);
    });
    const found = picks.filter(Boolean), missing = picks.length - found.length;
    function sum(at) { return found.reduce(function (total, one) { return total + one.rank[at]; }, 0); }
    const failing = missing + found.filter(function (one) { return one.fit === FAILS; }).length;
    const fitting = found.filter(function (one) { return one.fit === FITS; }).length;
    const fit = missing || !found.length ? FAILS : Math.max(...found.map(function (one) { return one.fit; }));
    return { chain: grid.toolchains[place], picks, fit, fitting,
      rank: [fit, failing, -fitting, sum(1), sum(2), sum(3), Number(place !== grid.default), -grid.age[place]] };
  }

  /** Plans for cases (places) on the toolchains of a TensorFlow ("" for any), the best first. */
  function recommend(grid, cases, tensorflow) {
    return grid.toolchains.map(function (chain, place) { return [chain, place]; })
      .filter(function ([chain]) { return !tensorflow || chain.tensorflow === tensorflow; })
      .map(function ([, place]) { return plan(grid, place, cases); })
      .sort(function (a, b) { return compare(a.rank, b.rank); });
  }

  /** Name of a model without its family, normalised → place; models before operators, core before others. */
  function names(grid) {
    if (!grid.names) {
      const core = new Set(grid.core), rank = ["torchvision", "huggingface", "operators", "blocks"];
      grid.names = new Map();
      const order = grid.cases.map(function (_, place) { return place; });
      function key(place) {
        const family = rank.indexOf(grid.cases[place].split("/")[0]);
        return (core.has(place) ? 0 : 10) + (family < 0 ? 9 : family);
      }
      order.sort(function (a, b) { return key(a) - key(b); });
      for (const place of order) {
        for (const name of [grid.cases[place], grid.cases[place].split("/")[1]]) {
          if (!grid.names.has(tfparity.normal(name))) grid.names.set(tfparity.normal(name), place);
        }
      }
    }
    return grid.names;
  }

  /** The models that a text names, in its order. */
  function modelsIn(grid, text) {
    const known = names(grid), found = [];
    for (const part of text.split(/[\s,;:?!()"'`]+/)) {
      const place = known.get(tfparity.normal(part.replace(/[.]$/, "")));
      if (place !== undefined && !found.includes(place)) found.push(place);
    }
    return found;
  }

  /** The minor versions of TensorFlow that a text names, of those that toolchains have. */
  function versionsIn(grid, text) {
    const known = new Set(grid.toolchains.map(function (chain) { return chain.tensorflow; }));
    return [...new Set((text.match(/\d+\.\d+/g) || []).filter(function (one) { return known.has(one); }))];
  }

  function page(path) { return tfparity.root + path; }

  function how(grid, pick) {
    const row = pick.row, remedies = grid.remedies[row[5]];
    const taken = remedies.split(", ").filter(function (one) { return one && !one.startsWith("opset "); }).join(", ");
    return "by " + grid.routes[grid.ways[pick.way][1]] + (row[3] ? ", opset " + row[3] : "") + (taken ? ", with " + taken : "") +
      (row[2] >= 0 ? " (" + grid.grades[row[2]][1] + ")" : "");
  }

  function model(grid, one, pick) {
    const link = element("a", { href: page("cases/" + grid.cases[one] + ".html") }, grid.cases[one]);
    if (!pick) return element("li", {}, link, ": not possible here");
    const verdict = grid.verdicts.find(function (known) { return known[0] === pick.letter; });
    return element("li", {}, link, ": " + verdict[2] + " " + verdict[3] + " ", pick.row ? how(grid, pick) : "");
  }

  /** What to say of cases on a TensorFlow ("" for any): an element. */
  function card(grid, cases, tensorflow) {
    const found = recommend(grid, cases, tensorflow), best = found[0];
    const on = tensorflow ? "TensorFlow " + tensorflow : "Any TensorFlow";
    if (!best || !best.fitting) {
      const ran = best && best.picks.some(function (one) { return one && one.fit === FAILS; });
      return element("div", { class: "card" }, element("p", {}, element("b", {}, on + ", "),
        ...cases.flatMap(function (one) { return [element("a", { href: page("cases/" + grid.cases[one] + ".html") }, grid.cases[one]), " "]; }),
        ran ? ": no recorded way converts." : ": untested."));
    }
    const second = found[1] && found[1].fit === FITS ? found[1].chain.id : "";
    return element("div", { class: "card" },
      element("p", {}, element("b", {}, on + (best.fit === FITS ? ": install " : ": nothing is recorded to fit all; nearest is ")),
        element("a", { href: page("toolchains/" + best.chain.id + ".html#install") }, best.chain.id),
        " (Python " + best.chain.python + ", torch " + best.chain.torch + (best.chain.onnx_tf ? ", onnx-tf " + best.chain.onnx_tf : "") + ")"),
      element("ul", {}, ...cases.map(function (one, at) { return model(grid, one, best.picks[at]); })),
      second ? element("p", { class: "quiet" }, "Runner-up: ", element("a", { href: page("toolchains/" + second + ".html") }, second)) : null);
  }

  /** The card for a question of the search, null where it names no model. */
  function recommended(grid, question) {
    const cases = modelsIn(grid, question), versions = versionsIn(grid, question);
    if (!cases.length) return null;
    const cards = (versions.length ? versions : [""]).map(function (version) { return card(grid, cases, version); });
    return element("div", { class: "cards" }, ...cards);
  }

  Object.assign(tfparity, { recommend, recommended, card, modelsIn });
})();

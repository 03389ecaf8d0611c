"use strict";
// What is near enough: the walking speed and the rule of each setting, as the study says them or as somebody tries. To apply
// them is one step; they stand in the base of the view, as a scenario says them.
{
  const near = find("near"), form = near.querySelector("form"), speed = find("speed"), rules = find("rules"), gates = find("gates");
  const ALIKE = ["urban", "rural"];  // whose rule a town may have
  let theirs = null, whose = "", filled = "";  // what the study says, which study that is, and what the form was filled with

  const ruleOf = (measure, limit) => (measure === "walk" ? { walk_minutes: limit } : { kilometres: limit, along: measure });
  const measureOf = ({ along = "walk" }) => along;
  const limitOf = ({ walk_minutes, kilometres }) => Number((walk_minutes ?? kilometres).toPrecision(9));
  const text = (standard) => JSON.stringify(Object.keys(theirs.standard).map((name) => [measureOf(standard[name]), limitOf(standard[name])]));
  const row = (name, standard) => {
    const line = document.createElement("div"), rule = standard[name], called = theirs.called[name];
    line.append(find("rule").content.cloneNode(true));
    const [label, input, how] = line.children;
    [line.dataset.setting, label.textContent, input.value] = [name, called, limitOf(rule)];
    input.setAttribute("aria-label", called);
    how.setAttribute("aria-label", say("measured_how", { setting: called }));
    const same = (other) => text({ ...standard, [name]: standard[other] }) === text(standard);
    const others = name === "town" ? ALIKE.filter((other) => standard[other]) : [];
    for (const option of [...how.options]) if (ALIKE.includes(option.value) && !others.includes(option.value)) option.remove();
    how.value = others.find(same) ?? measureOf(rule);
    const settle = () => { input.disabled = input.hidden = others.includes(how.value); };
    how.addEventListener("change", settle);
    settle();
    return line;
  };
  const fill = () => {
    const { speed_m_s, open_compounds, standard } = { ...theirs, ...view.base };
    const now = JSON.stringify([whose, speed_m_s, open_compounds, standard]);
    if (now === filled) return;  // what is being written stays
    filled = now;
    [speed.value, gates.checked] = [speed_m_s, open_compounds];
    rules.replaceChildren(...Object.keys(theirs.standard).map((name) => row(name, standard)));
  };
  const ready = async () => {
    if (whose !== study) {
      [whose, theirs] = [study, null];
      const found = await told("near", view);
      if (found.error) whose = "";
      else theirs = found;
    }
    if (theirs) fill();
  };

  const apply = async ({ speed_m_s, open_compounds, standard }) => {
    const { speed_m_s: _, open_compounds: __, standard: ___, ...rest } = view.base ?? {};
    const base = {
      ...rest,
      ...(speed_m_s !== theirs.speed_m_s && { speed_m_s }),
      ...(open_compounds !== theirs.open_compounds && { open_compounds }),
      ...(text(standard) !== text(theirs.standard) && { standard }),
    };
    const told = ({ speed_m_s: pace, open_compounds: gated, standard: limits } = {}) => JSON.stringify([pace, gated, limits]);
    const changed = told(base) !== told(view.base);
    if (changed && !await show((now) => ({ ...now, base }))) return;
    near.open = false;
    unfold(false);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!theirs) return;
    const wrong = [speed, ...rules.querySelectorAll("input")].find((input) => !input.checkValidity());
    if (wrong) {
      const field = wrong === speed ? say("speed") : wrong.getAttribute("aria-label");
      state(say("near_wrong", { field, least: wrong.min, most: wrong.max }), null, true);
      wrong.focus();
      return;
    }
    const found = {};
    for (const line of rules.children) {
      const [, input, how] = line.children;
      found[line.dataset.setting] = ALIKE.includes(how.value) ? how.value : ruleOf(how.value, input.valueAsNumber);
    }
    if (typeof found.town === "string") found.town = found[found.town];
    apply({ speed_m_s: speed.valueAsNumber, open_compounds: gates.checked, standard: found });
  });
  find("studied").addEventListener("click", () => {
    if (!theirs) return;
    filled = "";
    apply(theirs).then(fill);
  });
  near.addEventListener("toggle", async () => {
    if (!near.open) return;
    await ready();
    form.style.left = "";
    const over = form.getBoundingClientRect().right + 8 - find("bar").getBoundingClientRect().right;  // the bar may have wrapped
    if (over > 0) form.style.left = `-${over}px`;
  });
  near.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !near.open) return;
    event.stopPropagation();
    near.open = false;
    find("nearness").focus();
  });
  root.addEventListener("shown", () => { if (near.open || whose === study) ready(); });
}

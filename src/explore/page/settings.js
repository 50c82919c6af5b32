// How directions are found: the model, how much noise, the prompts.
import {make} from "./dom.js";

const percent = (t) => `${Math.round(100 * t)} %`;

// The nearest of the values that the model can take.
function nearest(grid, t) {
    if (!grid || !grid.length)
        return t;
    return grid.reduce((best, value) => Math.abs(value - t) < Math.abs(best - t) ? value : best);
}

function words(model) {
    const size = `${model.width} × ${model.height} pixels`;
    return size + (model.faces ? ", made for faces" : "") + (model.text ? ", reads text" : "");
}

export class Settings {
    // changed({setting: value}): somebody wants another.
    constructor(form, changed) {
        const post = (name, value) => changed({[name]: value});
        const text = (name, label, title, holder) => {
            const input = make("input", {type: "text", id: `set-${name}`, maxlength: 500, placeholder: holder || null,
                                         onchange: () => post(name, input.value || (name === "prompt" ? "" : null))});
            this.inputs[name] = input;
            return this.field(input, label, title);
        };
        const number = (name, label, title, least, most, step) => {
            const input = make("input", {
                type: "number", id: `set-${name}`, min: least, max: most, step,
                onchange: () => {
                    if (!input.checkValidity())
                        input.reportValidity();
                    else if (input.value !== "" || name === "guidance_scale")
                        post(name, input.value === "" ? null : Number(input.value));
                }});
            this.inputs[name] = input;
            return this.field(input, label, title);
        };
        const select = (name, label, title, read = (value) => value) => {
            const input = make("select", {id: `set-${name}`, onchange: () => post(name, read(input.value))});
            this.inputs[name] = input;
            return this.field(input, label, title);
        };

        this.inputs = {};
        this.about = make("p", {class: "hint"});
        this.noise = make("output", {for: "set-t"});
        const t = this.inputs.t = make("input", {
            type: "range", id: "set-t", min: 0.02, max: 0.98, step: 0.01,
            oninput: () => this.noise.textContent = percent(Number(t.value)),
            onchange: () => post("t", nearest(this.grid, Number(t.value)))});
        this.usual = make("button", {type: "button", class: "small", onclick: () => post("t", null)}, "Usual");
        this.textual = make("div", {},
            text("prompt", "What the picture shows", "The prompt under which the photo is inverted", "for example: a face"),
            text("edit_prompt", "What it could be instead", "The prompt under which directions are found and the edit is made (optional)", "for example: a smiling face"));
        this.textualMore = make("div", {},
            text("negative_prompt", "What it should not be", "The negative prompt of classifier-free guidance"),
            number("guidance_scale", "How strictly it keeps to the text", "The scale of classifier-free guidance; empty: the model's own", -100, 100, 0.5));
        this.seedField = number("seed", "Number of the made-up picture", "The seed of the noise", 0, 9007199254740991, 1);
        form.append(
            select("model", "Model", "The diffusion model whose directions are found"), this.about,
            this.field(t, "How much noise", "t: how far along the diffusion process the picture is taken, 0 the photo itself, 100 % pure noise", this.noise, this.usual),
            make("p", {class: "hint"}, "Little changes details, much changes shapes."),
            this.textual,
            make("details", {}, make("summary", {}, "More"),
                number("rank", "How many directions", "The rank of the basis", 1, 64, 1),
                select("source", "Start from", "A photo, or a picture that the model makes of noise"),
                this.seedField,
                number("steps", "Steps between photo and noise", "The steps of DDIM inversion and sampling: more are slower and keep closer to the photo", 2, 1000, 1),
                select("tap", "Where the network is read", "The tap: the inner features in which directions are large", (value) => value || null),
                this.textualMore));
        this.options("source", [["photo", "the photo"], ["seed", "a made-up picture"]]);
        form.addEventListener("submit", (event) => event.preventDefault());
    }

    field(input, label, title, ...beside) {
        return make("div", {class: "field"}, make("label", {for: input.id, title}, label), ...beside, input);
    }

    options(name, list) {
        this.inputs[name].replaceChildren(...list.map(([value, label]) => make("option", {value}, label)));
    }

    models(list) {
        this.options("model", list.map((model) => [model.name, model.name]));
    }

    // Shows a tab's settings.
    set(tab, model) {
        const s = tab.settings, t = s.t ?? model.t;
        const given = {...s, t, tap: s.tap ?? ""};
        if (this.model !== model)
            this.options("tap", [["", "the usual place"], ...(model.taps || []).map((tap) => [tap, tap])]);
        this.model = model;
        this.grid = tab.grid;
        for (const [name, input] of Object.entries(this.inputs))
            if (document.activeElement !== input || input.type === "range")
                input.value = given[name] ?? "";
        this.noise.textContent = percent(t);
        this.usual.hidden = s.t === null;
        this.about.textContent = words(model);
        this.textual.hidden = this.textualMore.hidden = !model.text;
        this.seedField.hidden = s.source !== "seed";
    }
}

// How directions are found: the model, how much noise, the prompts.
import {make} from "./dom.js";
import {Noise} from "./noise.js";

// What a setting is called where what was changed is told of.
export const titles = {
    model: "Model", source: "What to start from", crop: "The frame", seed: "The made-up picture's number", prompt: "What the picture shows",
    edit_prompt: "What it could be instead", negative_prompt: "What it should not be", guidance_scale: "How strictly it keeps to the text",
    t: "How much noise", steps: "Steps between photo and noise", rank: "How many directions", tap: "Where the model is read",
    mask_use: "What the part is for", names: "Names"};

const notes = {
    model: "The diffusion model whose directions are found",
    prompt: "The prompt under which the photo is inverted",
    edit_prompt: "The prompt under which directions are found and the edit is made; empty: the same",
    negative_prompt: "The negative prompt of classifier-free guidance; empty: none",
    guidance_scale: "The scale of classifier-free guidance; empty: the model's own",
    rank: "The rank of the basis",
    steps: "The steps of DDIM inversion and sampling: more are slower and keep closer to the photo",
    tap: "The tap: the inner features in which directions are large"};

function words(model) {
    return `${model.width} × ${model.height} pixels${model.faces ? ", made for faces" : ""}${model.text ? ", reads text" : ""}`;
}

export class Settings {
    // changed({setting: value}): somebody wants another.
    constructor(form, changed) {
        this.changed = changed;
        this.inputs = {};
        this.about = make("p", {class: "hint"});
        this.noise = new Noise(changed);
        this.textual = make("div", {}, this.text("prompt", "for example: a face"), this.text("edit_prompt", "for example: a smiling face", null));
        this.guidance = make("div", {}, this.text("negative_prompt", null, null), this.number("guidance_scale", -100, 100, 0.5));
        form.append(
            this.select("model"), this.about, this.textual, this.noise.element,
            make("details", {id: "more"}, make("summary", {}, "More"),
                this.number("rank", 1, 64, 1), this.number("steps", 2, 1000, 1), this.select("tap"), this.guidance));
        form.addEventListener("submit", (event) => event.preventDefault());
    }

    field(name, input) {
        this.inputs[name] = input;
        return make("div", {class: "field"}, make("label", {for: input.id, title: notes[name]}, titles[name]), input);
    }

    // none: what an empty one is to the program.
    text(name, holder, none = "") {
        const input = make("input", {
            type: "text", id: `set-${name}`, maxlength: 500, placeholder: holder,
            onchange: () => this.changed({[name]: input.value || none})});
        return this.field(name, input);
    }

    number(name, min, max, step) {
        const input = make("input", {
            type: "number", id: `set-${name}`, min, max, step,
            onchange: () => {
                if (!input.checkValidity())
                    input.reportValidity();
                else if (input.value !== "" || name === "guidance_scale")
                    this.changed({[name]: input.value === "" ? null : Number(input.value)});
            }});
        return this.field(name, input);
    }

    select(name) {
        const input = make("select", {id: `set-${name}`, onchange: () => this.changed({[name]: input.value || null})});
        return this.field(name, input);
    }

    options(name, list) {
        this.inputs[name].replaceChildren(...list.map(([value, label]) => make("option", {value}, label)));
    }

    models(list) {
        this.options("model", list.map((model) => [model.name, model.name]));
    }

    show(tab, model) {
        if (this.model !== model)
            this.options("tap", [["", "the usual place"], ...model.taps.map((tap) => [tap, tap])]);
        this.model = model;
        for (const [name, input] of Object.entries(this.inputs))
            if (document.activeElement !== input || input.matches("select"))
                input.value = tab.settings[name] ?? "";
        this.about.textContent = words(model);
        this.textual.hidden = this.guidance.hidden = !model.text;
        this.noise.show(tab, model);
    }
}

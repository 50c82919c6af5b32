// How much noise: a slider on the values that the model can take, and what it then sees.
import {make} from "./dom.js";

const percent = (t) => `${Math.round(100 * t)} %`;

function nearest(grid, t) {
    return grid.reduce((best, value, i) => Math.abs(value - t) < Math.abs(grid[best] - t) ? i : best, 0);
}

export class Noise {
    // changed({t}): somebody wants another, or null: the model's usual one.
    constructor(changed) {
        this.grid = [];
        this.value = make("output", {for: "set-t"});
        this.slider = make("input", {
            type: "range", id: "set-t", min: 0, step: 1,
            oninput: () => {
                this.moves = true;
                this.label();
            },
            onchange: () => {
                this.moves = false;
                changed({t: this.grid[this.slider.value]});
            }});
        this.usual = make("button", {type: "button", id: "usual-t", class: "small", title: "As much as suits this model", onclick: () => changed({t: null})}, "Usual");
        this.image = make("img", {id: "noisy", alt: "The picture with that much noise", hidden: true});
        this.caption = make("figcaption", {class: "hint"});
        this.figure = make("figure", {class: "noisy", title: "x_t, the noisy picture at which directions are found"}, this.image, this.caption);
        this.element = make("div", {class: "field"},
            make("label", {for: "set-t", title: "t: how far along the diffusion process the picture is taken, 0 the photo itself, 100 % pure noise"}, "How much noise"),
            this.value, this.usual, this.slider, this.figure);
    }

    label() {
        const t = this.grid[this.slider.value] ?? this.wanted, text = percent(t);
        this.value.textContent = text;
        this.slider.setAttribute("aria-valuetext", text);
        this.figure.classList.toggle("stale", text !== this.seen);
    }

    // What the model sees; where that is still being made, what it saw before.
    picture({noisy, job}) {
        this.seen = noisy ? percent(noisy.t) : "";
        if (!noisy && job)
            return;
        this.image.hidden = !noisy;
        if (noisy)
            this.image.src = noisy.picture;
        this.caption.textContent = (noisy ? "What the model starts from. " : "What the model starts from is shown once directions are found. ") +
            "Little noise changes details, much changes shapes.";
    }

    show(tab, model) {
        if (!this.moves) {
            this.grid = tab.grid;
            this.wanted = tab.settings.t ?? model.t;
            this.slider.max = Math.max(0, this.grid.length - 1);
            this.slider.value = nearest(this.grid, this.wanted);
            this.slider.disabled = !this.grid.length;
        }
        this.usual.hidden = tab.settings.t === null;
        this.picture(tab);
        this.label();
    }
}

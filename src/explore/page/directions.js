// What was found: a card with a slider for each direction.
import {make} from "./dom.js";

const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

export class Directions {
    // moved(weights, resting): a slider moves, or came to rest; named({"0": "smile"}).
    constructor(box, moved, named) {
        this.box = box;
        this.moved = moved;
        this.named = named;
        this.clear();
    }

    clear() {
        this.rows = [];
        this.box.replaceChildren();
    }

    // {"0": 0.5}: those that are not 0.
    weights() {
        return Object.fromEntries(this.rows.map((row) => [row.number, Number(row.slider.value)])
                                      .filter((pair) => pair[1] !== 0));
    }

    set(found, names, weights) {
        this.clear();
        this.names = {...names};
        this.rows = found.cards.map((card) => this.card(card, found));
        this.box.replaceChildren(...this.rows.map((row) => row.element));
        this.put(weights);
    }

    card(card, found) {
        const number = card.direction, id = `slider-${number}`;
        const usual = `Direction ${number + 1}`;
        const value = make("output", {for: id});
        const row = {number, value};
        const name = make("input", {
            type: "text", class: "name", maxlength: 60, value: this.names[number] || "", placeholder: usual,
            "aria-label": `Name of direction ${number + 1}`, title: "A name of your own for what it changes",
            onchange: () => {
                this.names[number] = name.value.trim();
                this.label(row);
                this.named(Object.fromEntries(Object.entries(this.names).filter((pair) => pair[1])));
            },
            onkeydown: (event) => event.key === "Enter" && name.blur()});
        row.name = name;
        row.slider = make("input", {
            type: "range", class: "sided", id, min: -1, max: 1, step: 0.05, value: 0,
            title: "Strength. Double click or Delete: back to 0",
            oninput: () => this.show(row, false),
            onchange: () => this.moved(this.weights(), true),
            ondblclick: () => this.to(row, 0),
            onkeydown: (event) => {
                if (["Delete", "Backspace", "0"].includes(event.key)) {
                    event.preventDefault();
                    this.to(row, 0);
                }
            }});
        const picture = (url, side, sign) => make("button", {
            type: "button", title: `Strength ${sign}`, "aria-label": `${usual}: strength ${sign}`,
            onclick: () => this.to(row, side)}, make("img", {src: url, alt: "", loading: "lazy"}), sign);
        const s = found.sigma && found.sigma[number];
        row.element = make("article", {class: "card", title: s ? `singular value ${s.toPrecision(3)}, mean change ${Number(card.change).toFixed(1)} of 255` : null},
            make("div", {class: "row"}, name, value),
            make("div", {class: "three"}, picture(card.minus, -1, "−"), picture(found.middle, 0, "0"), picture(card.plus, 1, "+")),
            row.slider);
        this.label(row);
        return row;
    }

    label(row) {
        row.slider.setAttribute("aria-label", `${row.name.value || `Direction ${row.number + 1}`}: strength`);
    }

    show(row, quiet) {
        const value = Number(row.slider.value);
        row.value.textContent = signed(value);
        row.slider.style.setProperty("--from", `${50 + 50 * Math.min(value, 0)}%`);
        row.slider.style.setProperty("--to", `${50 + 50 * Math.max(value, 0)}%`);
        row.slider.setAttribute("aria-valuetext", signed(value));
        row.element.classList.toggle("used", value !== 0);
        if (!quiet)
            this.moved(this.weights(), false);
    }

    to(row, value) {
        row.slider.value = value;
        this.show(row, true);
        this.moved(this.weights(), true);
    }

    // All sliders at once.
    put(weights) {
        for (const row of this.rows) {
            row.slider.value = weights[row.number] || 0;
            this.show(row, true);
        }
        this.moved(this.weights(), true);
    }
}

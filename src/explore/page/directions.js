// What was found: a card with a slider for each direction.
import {make} from "./dom.js";
import {amount, degree, signed, title} from "./weights.js";

// What a card says in the field's terms.
function terms(card, found) {
    const s = found.sigma[card.direction], r = found.residual[card.direction];
    return `At full strength the picture ${degree(card.change)} (${amount(card.change)}). Singular value ${s.toPrecision(3)}, residual ${r.toPrecision(2)}`;
}

const preview = () => make("p", {class: "hint preview", title: "The card's pictures were made in fewer steps than the final one"}, "preview");

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
        this.names = {};
        this.box.replaceChildren();
    }

    // {"0": 0.5}: those that are not 0.
    weights() {
        return Object.fromEntries(this.rows.map((row) => [row.number, Number(row.slider.value)])
                                      .filter((pair) => pair[1] !== 0));
    }

    set(found) {
        this.rows = found.cards.map((card) => this.card(card, found));
        this.box.replaceChildren(...this.rows.map((row) => row.element));
    }

    // {"0": "smile"}: those that were given.
    name(names) {
        this.names = {...names};
        for (const row of this.rows) {
            if (document.activeElement !== row.name)
                row.name.value = names[row.number] || "";
            this.label(row);
        }
    }

    rename(row) {
        const names = {...this.names, [row.number]: row.name.value.trim()};
        this.named(Object.fromEntries(Object.entries(names).filter((pair) => pair[1])));
    }

    card(card, found) {
        const number = card.direction, usual = title({}, number), id = `slider-${number}`;
        const row = {number, value: make("output", {for: id})};
        row.name = make("input", {
            type: "text", class: "name", id: `name-${number}`, maxlength: 60, placeholder: usual, "aria-label": `Name of direction ${number + 1}`,
            title: "A name of your own for what it changes", onchange: () => this.rename(row),
            onkeydown: (event) => event.key === "Enter" && row.name.blur()});
        row.slider = make("input", {
            type: "range", class: "sided", id, min: -1, max: 1, step: 0.05, value: 0,
            title: "Strength. Double click or Delete: back to 0",
            oninput: () => this.slide(row),
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
            onclick: () => this.to(row, side)}, make("img", {src: url, alt: "", draggable: "false"}), sign);
        row.element = make("article", {class: "card", id: `card-${number}`, title: terms(card, found)},
            make("div", {class: "row"}, row.name, row.value),
            make("div", {class: "pictures"},
                make("div", {class: "three"}, picture(card.minus, -1, "−"), picture(found.middle, 0, "0"), picture(card.plus, 1, "+")),
                found.coarse ? preview() : ""),
            row.slider, this.share(number, found));
        return row;
    }

    // Of a direction that was carried to this photo: what is left of it.
    share(number, found) {
        if (!found.share)
            return "";
        return make("p", {class: "hint share", title: "The share of the direction that lies in the space of directions here: what parallel transport kept of it"},
            `${Math.round(100 * found.share[number])} % of it works here`);
    }

    label(row) {
        row.slider.setAttribute("aria-label", `${title(this.names, row.number)}: strength`);
    }

    draw(row) {
        const value = Number(row.slider.value);
        row.value.textContent = signed(value);
        row.slider.style.setProperty("--from", `${50 + 50 * Math.min(value, 0)}%`);
        row.slider.style.setProperty("--to", `${50 + 50 * Math.max(value, 0)}%`);
        row.slider.setAttribute("aria-valuetext", signed(value));
        row.element.classList.toggle("used", value !== 0);
    }

    slide(row) {
        this.draw(row);
        this.moved(this.weights(), false);
    }

    to(row, value) {
        row.slider.value = value;
        this.draw(row);
        this.moved(this.weights(), true);
    }

    // All sliders at once.
    put(weights) {
        for (const row of this.rows) {
            row.slider.value = weights[row.number] || 0;
            this.draw(row);
        }
        this.moved(this.weights(), true);
    }
}

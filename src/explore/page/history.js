// The steps that were taken: undo, redo, and a small picture of each. A step is what the settings were, what the
// sliders were set to, whether there were any, and how it looked: {settings, weights, found, image}.
import {$, make, clamp, picture} from "./dom.js";
import {same, spell} from "./weights.js";
import {titles} from "./settings.js";

const MOST = 40, SIZE = 64; // steps, pixels
const SOON = 700; // ms: what follows so soon is the same step (a key held down)

const alike = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The settings in which one differs from another.
export function differing(settings, from) {
    return Object.fromEntries(Object.entries(settings).filter(([name, value]) => !alike(value, from[name])));
}

// The same but for names.
const under = (a, b) => alike({...a, names: 0}, {...b, names: 0});

function words(step, before) {
    const changed = before ? Object.keys(differing(step.settings, before.settings)) : [];
    return changed.map((name) => titles[name] || name).join(", ") || spell(step.settings.names, step.weights) || "Unchanged";
}

export class History {
    // went(step): somebody goes back to it; kept(steps, at): they are others.
    constructor(box, went, kept) {
        this.box = box;
        this.went = went;
        this.kept = kept;
        this.past = [];
        $("undo").onclick = () => this.travel(-1);
        $("redo").onclick = () => this.travel(1);
    }

    // Other steps than those of before.
    begin(steps, at = steps.length - 1) {
        this.past = steps.map((step) => this.entry(step));
        this.at = clamp(at, 0, steps.length - 1);
        this.added = 0; // when a step was
        this.draw();
    }

    entry(step) {
        const canvas = make("canvas", {width: SIZE, height: SIZE}), entry = {step, canvas};
        entry.button = make("button", {type: "button", onclick: () => this.go(this.past.indexOf(entry))}, canvas);
        if (step.image)
            picture(step.image).then((image) => this.paint(entry, image));
        return entry;
    }

    entryNow() {
        return this.past[this.at];
    }

    now() {
        return this.entryNow().step;
    }

    steps() {
        return this.past.map((entry) => entry.step);
    }

    // Something else is set.
    add(step) {
        const before = this.now(), settled = alike(step.settings, before.settings);
        if (settled && same(step.weights, before.weights)) {
            before.found = step.found;
            this.draw();
            return;
        }
        const time = performance.now(), soon = settled && this.at > 0 && time - this.added < SOON;
        this.added = time;
        this.past.splice(this.at + (soon ? 0 : 1), Infinity, this.entry(step));
        if (this.past.length > MOST)
            this.past.shift();
        this.at = this.past.length - 1;
        this.draw();
    }

    // What the sliders were set to under these settings.
    weights(settings) {
        const all = this.steps().filter((step) => under(step.settings, settings)).map((step) => step.weights);
        return all.filter((weights, i) => !i || !same(weights, all[i - 1]));
    }

    paint(entry, image) {
        entry.canvas.height = Math.max(1, Math.round(SIZE * image.height / image.width));
        entry.canvas.getContext("2d").drawImage(image, 0, 0, entry.canvas.width, entry.canvas.height);
    }

    // How a step looks: an image or a canvas.
    sketch(entry, image) {
        this.paint(entry, image);
        entry.step.image = entry.canvas.toDataURL("image/jpeg");
        this.kept(this.steps(), this.at);
    }

    // Those under these settings that have no picture yet, as mix(weights) draws them.
    sketches(settings, mix) {
        for (const entry of this.past)
            if (!entry.step.image && under(entry.step.settings, settings))
                this.sketch(entry, mix(entry.step.weights));
    }

    travel(step) {
        this.go(clamp(this.at + step, 0, this.past.length - 1));
    }

    go(to) {
        if (to === this.at)
            return;
        this.at = to;
        this.added = 0;
        this.draw();
        this.went(this.now());
    }

    draw() {
        this.box.replaceChildren(...this.past.map((entry) => entry.button));
        this.past.forEach((entry, i) => {
            const name = `Step ${i + 1} of ${this.past.length}: ${words(entry.step, i ? this.past[i - 1].step : null)}`;
            entry.button.title = name;
            entry.button.setAttribute("aria-label", name);
            entry.button.setAttribute("aria-current", i === this.at ? "step" : "false");
        });
        this.box.classList.toggle("alone", this.past.length < 2); // its place is kept
        this.box.scrollLeft = this.past[this.at].button.offsetLeft - this.box.clientWidth / 2;
        $("undo").disabled = this.at === 0;
        $("redo").disabled = this.at === this.past.length - 1;
        this.kept(this.steps(), this.at);
    }
}

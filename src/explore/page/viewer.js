// The picture before and after, with a divider; a preview at once, the final one when it is there.
import {$, make, clamp, picture} from "./dom.js";
import {Blend, grey, pixels} from "./blend.js";
import {empty} from "./weights.js";

const states = {
    preview: ["preview", "Blended linearly of the cards' pictures; the final one comes when the sliders rest"],
    final: ["final", "Made by the model, exactly"],
    unchanged: ["unchanged", "Without an edit: the photo, or the model's own picture of it (the reconstruction)"]};

export class Viewer {
    constructor(box) {
        this.before = make("img", {id: "before-picture", alt: "Before", class: "before", draggable: "false"});
        this.after = make("canvas", {id: "after-picture", role: "img", "aria-label": "After"});
        this.divider = make("div", {
            id: "divider", class: "divider", tabindex: "0", role: "slider", "aria-label": "Divider: before to the left, after to the right",
            "aria-valuemin": "0", "aria-valuemax": "100"}, 
            make("span", {class: "handle"}, "‹ ›"),
            make("span", {class: "side left", "aria-hidden": "true"}, "before"), make("span", {class: "side right", "aria-hidden": "true"}, "after"));
        this.box = box;
        box.prepend(this.before, this.after, this.divider);
        this.cut(50);
        box.addEventListener("pointerdown", (event) => {
            if (event.button !== 0 || box.matches(".empty, .beside"))
                return;
            box.setPointerCapture(event.pointerId);
            this.dragged = true;
            this.point(event);
        });
        box.addEventListener("pointermove", (event) => this.dragged && this.point(event));
        for (const end of ["pointerup", "pointercancel"])
            box.addEventListener(end, () => this.dragged = false);
        this.divider.addEventListener("keydown", (event) => this.key(event));
        this.holding($("hold"));
        $("beside").onclick = () => {
            const on = box.classList.toggle("beside");
            $("beside").setAttribute("aria-pressed", on);
            $("hold").hidden = on;
        };
        this.clear();
        this.setBefore(null);
    }

    point(event) {
        const place = this.box.getBoundingClientRect();
        this.cut(100 * (event.clientX - place.left) / place.width);
    }

    key(event) {
        const to = {ArrowLeft: this.share - 5, ArrowRight: this.share + 5, Home: 0, End: 100}[event.key];
        if (to === undefined)
            return;
        event.preventDefault();
        this.cut(to);
    }

    cut(share) {
        this.share = clamp(Math.round(share), 0, 100);
        this.box.style.setProperty("--cut", `${this.share}%`);
        this.box.style.setProperty("--nudge", (50 - this.share) / 50); // the handle stays inside
        this.divider.setAttribute("aria-valuenow", this.share);
        this.divider.setAttribute("aria-valuetext", `${this.share} % before`);
    }

    holding(button) {
        const hold = (on) => {
            this.box.classList.toggle("held", on);
            button.setAttribute("aria-pressed", on);
        };
        button.addEventListener("pointerdown", (event) => {
            button.setPointerCapture(event.pointerId);
            hold(true);
        });
        for (const end of ["pointerup", "pointercancel", "blur", "keyup"])
            button.addEventListener(end, () => hold(false));
        button.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && hold(true));
        button.addEventListener("contextmenu", (event) => event.preventDefault());
    }

    clear() {
        this.blend = null;
        this.round = {};
        this.box.classList.add("empty");
        this.state("");
    }

    state(name) {
        const [text, title] = states[name] || ["", ""];
        $("exactness").textContent = text;
        $("exactness").className = `badge ${name}`;
        $("exactness").title = title;
    }

    setBefore(url) {
        if (url && this.before.getAttribute("src") !== url)
            this.before.src = url;
        this.before.hidden = !url;
        this.box.classList.toggle("blank", !url);
    }

    // What is shown is of before: another photo is on its way.
    wait(on) {
        this.box.classList.toggle("waits", on);
    }

    // The pictures of which previews are blended. Are they those that were asked for last?
    async prepare(found) {
        this.clear();
        const round = this.round, blend = await Blend.of(found);
        if (round !== this.round)
            return false;
        this.box.style.setProperty("--aspect", blend.middle.width / blend.middle.height);
        this.blend = blend;
        this.box.classList.remove("empty");
        return true;
    }

    // Does the model see in grey?
    grey() {
        return grey(this.blend.middle);
    }

    // The photo's part that edits are shown in: a URL; null: they are shown as the model sees them.
    async setPhoto(url) {
        if (url === this.photoUrl)
            return false;
        this.photoUrl = url;
        const photo = url ? await pixels(url) : null;
        if (url !== this.photoUrl)
            return false;
        this.photo = photo;
        return true;
    }

    // Between the cards' pictures, as the model sees it, on a canvas.
    mix(weights, canvas) {
        return this.blend.draw(weights, canvas);
    }

    preview(weights) {
        if (!this.blend)
            return;
        if (this.photo)
            this.blend.paste(weights, this.photo, this.after);
        else
            this.blend.draw(weights, this.after);
        this.url = "";
        this.drawn = {}; // a final one that is being loaded is of before
        this.state(empty(weights) ? "unchanged" : "preview");
    }

    // Was it not there before, and is it now?
    async final(edit) {
        const url = this.photo && edit.close || edit.picture;
        if (url === this.url)
            return false;
        const mine = this.drawn = {}, image = await picture(url);
        if (mine !== this.drawn || !this.blend)
            return false;
        this.after.width = image.naturalWidth;
        this.after.height = image.naturalHeight;
        this.after.getContext("2d").drawImage(image, 0, 0);
        this.url = url;
        this.state("final");
        return true;
    }
}

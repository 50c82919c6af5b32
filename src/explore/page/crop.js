// The part of the photo that the model sees: a frame to be dragged and scaled.
import {make, clamp, later} from "./dom.js";

const corners = ["nw", "ne", "sw", "se"];

export class Crop {
    // changed([x, y, width, height]): some time after the frame came to rest.
    constructor(stage, changed) {
        this.stage = stage;
        this.image = make("img", {alt: "The photo", draggable: "false"});
        this.frame = make("div", {
            id: "frame", class: "frame", tabindex: "0", role: "group",
            "aria-label": "What the model sees. Arrow keys move it, with Shift or by plus and minus they change its size.",
        }, ...corners.map((corner) => make("span", {class: `corner ${corner}`, "data-corner": corner})));
        this.shade = make("div", {class: "shade"});
        stage.append(make("div", {class: "clip"}, this.image, this.shade), this.frame);
        this.tell = later(450, () => changed(this.rounded()));
        this.image.onload = () => this.image.hidden = false;
        this.image.onerror = () => this.image.hidden = true; // the browser cannot show it; the program may
        this.frame.addEventListener("pointerdown", (event) => this.grab(event));
        this.frame.addEventListener("keydown", (event) => this.key(event));
        this.frame.addEventListener("wheel", (event) => {
            if (document.activeElement !== this.frame)
                return; // the page scrolls
            event.preventDefault();
            this.grow(event.deltaY < 0 ? 1.04 : 1 / 1.04);
        }, {passive: false});
        this.held = null;
        this.wait(null);
    }

    // Another photo: a URL of what was chosen, or null; the frame waits for `set`.
    wait(url) {
        this.tell.stop();
        this.stage.classList.add("waits");
        if (url)
            this.image.src = url;
        else
            this.image.hidden = true;
    }

    // What the program knows of it: {width, height, area, picture}; aspect: of what the model sees.
    set(photo, aspect) {
        this.width = photo.width;
        this.height = photo.height;
        this.aspect = aspect;
        if (this.image.getAttribute("src") !== photo.picture)
            this.image.src = photo.picture;
        this.stage.classList.remove("waits");
        this.stage.style.aspectRatio = `${photo.width} / ${photo.height}`;
        this.stage.style.maxWidth = `calc(18rem * ${photo.width / photo.height})`;
        if (!this.held) {
            this.area = photo.area.slice();
            this.draw();
        }
    }

    rounded() {
        const [x, y] = this.area, [w, h] = this.area.slice(2).map(Math.round);
        return [clamp(Math.round(x), 0, this.width - w), clamp(Math.round(y), 0, this.height - h), w, h];
    }

    draw() {
        const [x, y, w, h] = this.area;
        for (const element of [this.frame, this.shade]) {
            element.style.left = `${100 * x / this.width}%`;
            element.style.top = `${100 * y / this.height}%`;
            element.style.width = `${100 * w / this.width}%`;
            element.style.height = `${100 * h / this.height}%`;
        }
    }

    // Puts a frame of a width there, inside of the photo.
    place(x, y, w) {
        const most = Math.min(this.width, this.height * this.aspect);
        w = clamp(w, Math.min(16, most), most);
        const h = w / this.aspect;
        this.area = [clamp(x, 0, this.width - w), clamp(y, 0, this.height - h), w, h];
        this.draw();
        this.tell();
    }

    grow(factor) {
        const [x, y, w, h] = this.area;
        const wider = w * factor;
        this.place(x + (w - wider) / 2, y + (h - wider / this.aspect) / 2, wider);
    }

    grab(event) {
        if (event.button !== 0 || this.held)
            return;
        const scale = this.width / this.stage.clientWidth;
        const begun = this.area.slice(), corner = event.target.dataset.corner;
        const [x, y, w, h] = begun, from = [event.clientX, event.clientY];
        let moves = false;
        const move = (e) => {
            const dx = (e.clientX - from[0]) * scale, dy = (e.clientY - from[1]) * scale;
            moves ||= Math.hypot(e.clientX - from[0], e.clientY - from[1]) > 3;
            if (!moves)
                return;
            if (!corner) {
                this.place(x + dx, y + dy, w);
                return;
            }
            // The opposite corner stays; the frame does not leave the photo.
            const east = corner.includes("e"), south = corner.includes("s");
            const room = Math.min(east ? this.width - x : x + w,
                                  (south ? this.height - y : y + h) * this.aspect);
            const wide = clamp(w + ((east ? dx : -dx) + (south ? dy : -dy) * this.aspect) / 2, 16, room);
            this.place(east ? x : x + w - wide, south ? y : y + h - wide / this.aspect, wide);
        };
        const drop = () => {
            this.held = null;
            this.frame.removeEventListener("pointermove", move);
            this.frame.removeEventListener("pointerup", drop);
            this.frame.removeEventListener("pointercancel", drop);
        };
        this.held = event.pointerId;
        this.frame.setPointerCapture(event.pointerId);
        this.frame.addEventListener("pointermove", move);
        this.frame.addEventListener("pointerup", drop);
        this.frame.addEventListener("pointercancel", drop);
        this.frame.focus({preventScroll: true});
        event.preventDefault();
    }

    key(event) {
        const [x, y, w] = this.area, step = Math.max(1, Math.round(this.width / 100));
        const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
        const to = moves[event.key];
        if (event.ctrlKey || event.metaKey || event.altKey)
            return;
        if (event.key === "+" || event.key === "=" || (to && event.shiftKey && to[0] - to[1] > 0))
            this.grow(1.04);
        else if (event.key === "-" || (to && event.shiftKey))
            this.grow(1 / 1.04);
        else if (to)
            this.place(x + to[0] * step, y + to[1] * step, w);
        else
            return;
        event.preventDefault();
    }
}

// Only a part of the picture: painted, or from a file; used for the directions or for the result.
import {$, allow, choose, chosen, make, picture} from "./dom.js";
import {Brush} from "./brush.js";

function words(used, painted) {
    if (!used)
        return painted ? "Not used yet: all of the picture may change." : "Paint bright what may change. What is dark stays.";
    return painted ? "What you have painted since is not used yet." : "In use: what is dark stays.";
}

export class Mask {
    // use(Blob of a PNG, or null: everywhere); changed({setting: value}).
    constructor(use, changed) {
        this.image = make("img", {alt: "", draggable: "false"});
        $("mask-box").append(this.image);
        this.brush = new Brush($("mask-box"), () => ({
            white: chosen("mask-tone") === "white", size: Number($("mask-size").value) / 100,
            feather: Number($("mask-feather").value) / 100}), () => this.mark(true));
        $("mask-undo").onclick = () => this.brush.undo();
        $("mask-invert").onclick = () => this.brush.invert();
        $("mask-use").onclick = async () => use(await this.brush.file());
        $("mask-none").onclick = () => {
            this.brush.clear();
            this.mark(false);
            use(null);
        };
        for (const radio of document.querySelectorAll("[name=mask-use]"))
            radio.onchange = () => changed({mask_use: chosen("mask-use")});
        this.mark(false);
    }

    // The brush has painted something else than what is used.
    mark(painted) {
        this.painted = painted;
        this.state();
    }

    state() {
        if (!this.brush)
            return;
        allow($("mask-undo"), this.brush.past.length ? "" : "Nothing was painted");
        allow($("mask-use"), this.painted ? "" : this.used ? "It is in use" : "Paint first");
        allow($("mask-none"), this.used ? "" : "There is no mask in use: all of the picture may change");
        $("mask-state").textContent = words(this.used, this.painted);
        $("mask-title").textContent = this.used ? "Only a part of the picture (in use)" : "Only a part of the picture";
    }

    // A file: of the whole photo's size, or of what the model sees.
    async open(file) {
        const image = await createImageBitmap(file).catch(() => {
            throw new Error(`${file.name}: not a picture that the browser can read`);
        });
        const {width, height, area} = this.photo;
        const whole = image.width === width && image.height === height;
        this.brush.draw(image, whole ? area : [0, 0, image.width, image.height]);
        $("mask").open = true;
    }

    async show(tab) {
        const {photo, mask, settings} = tab;
        $("mask").hidden = settings.source !== "photo" || !(photo || tab.job);
        choose("mask-use", settings.mask_use);
        if (!photo)
            return;
        this.photo = photo;
        const used = mask ? mask.picture : null, key = `${photo.seen} ${used}`;
        if (key === this.shown)
            return;
        this.shown = key;
        this.image.src = photo.seen;
        const [seen, drawn] = await Promise.all([picture(photo.seen), used && used !== this.used ? picture(used) : null]);
        if (key !== this.shown)
            return;
        const {naturalWidth: width, naturalHeight: height} = seen, {canvas} = this.brush;
        $("mask-box").style.aspectRatio = `${width} / ${height}`;
        if (canvas.width !== width || canvas.height !== height) {
            this.brush.size(width, height);
            this.painted = false;
        }
        if (drawn) {
            this.brush.draw(drawn, [0, 0, drawn.naturalWidth, drawn.naturalHeight]);
            this.painted = false;
        }
        this.used = used;
        this.state();
    }
}

// What one starts from: a photo with its frame, or a picture that the model makes up.
import {$, choose, chosen} from "./dom.js";
import {Crop} from "./crop.js";

const LARGEST_SEED = 2 ** 31; // of those that are drawn

function hint(photo, model, crop) {
    if (!photo)
        return "That could not be read: choose another photo.";
    if (photo.faces.length || !model.faces || crop !== "auto")
        return `${photo.name}: the model sees what is inside the frame. Drag it, or its corners.`;
    return `${photo.name}: no face was found in it. Drag the frame to where there is one.`;
}

export class Photo {
    // changed({setting: value}): somebody wants another.
    constructor(changed) {
        this.crop = new Crop($("stage"), (area) => changed({crop: area}));
        this.url = null; // of a photo that was chosen here
        $("around").onclick = () => changed({crop: "auto"});
        for (const radio of document.querySelectorAll("[name=source]"))
            radio.onchange = () => changed({source: chosen("source")});
        $("seed").onchange = () => {
            if (!$("seed").checkValidity())
                $("seed").reportValidity();
            else if ($("seed").value !== "")
                changed({seed: Number($("seed").value)});
        };
        $("another-seed").onclick = () => changed({seed: Math.floor(Math.random() * LARGEST_SEED)});
    }

    // Another photo is on its way to the program: a File, or null.
    wait(file) {
        $("photo-hint").textContent = "It is being looked at…";
        if (this.url)
            URL.revokeObjectURL(this.url);
        this.url = file ? URL.createObjectURL(file) : null;
        this.crop.wait(this.url);
    }

    show(tab, model) {
        const {source, seed} = tab.settings, is = source === "photo";
        choose("source", source);
        $("photo-box").hidden = !is;
        $("seed-box").hidden = is;
        if (document.activeElement !== $("seed"))
            $("seed").value = seed;
        $("around").hidden = !model.faces;
        if (tab.photo)
            this.crop.set(tab.photo, model.width / model.height);
        if (tab.photo || !tab.job)
            $("photo-hint").textContent = hint(tab.photo, model, tab.settings.crop);
    }
}

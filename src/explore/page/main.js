// The page: one tab of the program, shown and changed.
import {$, say, complain, calm, later, allow} from "./dom.js";
import {ask, follow} from "./api.js";
import * as progress from "./progress.js";
import {Crop} from "./crop.js";
import {Settings} from "./settings.js";
import {Directions} from "./directions.js";
import {History} from "./history.js";
import {Mask} from "./mask.js";
import {Viewer} from "./viewer.js";

const LARGEST = 64 << 20; // bytes of a photo that the program takes

let masks = false; // the program takes some
let tab = null, models = [], url = null; // of the photo that was chosen here
let shownFound = "", shownPhoto = "", shownEdit = "";
const followed = new Set(), working = new Set(); // jobs; kinds of work, from the click on

const path = (rest) => `/api/tabs/${tab.tab}${rest}`;
const model = () => models.find((m) => m.name === tab.settings.model) || models[0];
const attempt = (work) => async (...values) => {
    try {
        return await work(...values);
    } catch (error) {
        complain(error);
        return null;
    }
};

/* -- the tab -- */

function take(next) {
    if (tab && tab.tab === next.tab && next.version < tab.version)
        return;
    tab = next;
    sessionStorage.setItem("tab", tab.tab);
    show();
    if (tab.job)
        watch(tab.job);
}

const refresh = attempt(async () => take(await ask("GET", path(""))));

// Follows a job to its end, once; the tab is then asked for again.
const watch = attempt(async (id, first) => {
    if (followed.has(id))
        return null;
    followed.add(id);
    const from = Date.now();
    let last, begun = false;
    try {
        last = await follow(id, (job) => {
            if (!begun && (job.kind !== "edit" || Date.now() - from > 1500)) {
                progress.begin(job);
                begun = true;
                working.add(job.kind);
                permit();
            }
            progress.update(job);
        });
        working.delete(last.kind);
    } finally {
        progress.end(id);
        permit();
    }
    if (last.state === "failed")
        complain(new Error(last.error || "That failed."));
    if (last.state === "cancelled" && last.kind === "find")
        say("Cancelled");
    await refresh();
    return last;
});

async function start(rest, body) {
    const kind = rest.slice(1);
    calm();
    working.add(kind);
    permit();
    try {
        const job = await ask("POST", path(rest), body);
        return await watch(job.job);
    } finally {
        working.delete(kind);
        permit();
    }
}

// What can be pressed now, and why the rest cannot.
function permit() {
    const blank = tab && tab.settings.source === "photo" && !tab.photo;
    const busy = working.has("export") ? "A file is being made" : "";
    allow($("find"), !tab ? "The program has not answered yet"
        : working.has("find") ? "They are being found"
        : blank ? "There is no photo yet that the model can see"
        : tab.found ? "They are found: change the photo or a setting to find others" : "");
    allow($("zero"), Object.keys(directions.weights()).length ? "" : "All are 0");
    for (const button of document.querySelectorAll("[data-what]"))
        allow(button, busy || (button.dataset.what !== "basis" && $("zero").disabled ? "Move a slider first" : ""));
}

/* -- what is shown -- */

function showPhoto() {
    const photo = tab.photo, of = tab.settings.source === "photo";
    $("stage").classList.toggle("idle", !of);
    $("around").hidden = !of || !model().faces;
    if (photo && shownPhoto !== path("/photo.png")) { // another tab, or another photo
        shownPhoto = path("/photo.png");
        crop.paint(...url ? [url] : [], `${shownPhoto}?${tab.version}`);
    }
    if (photo)
        crop.set(photo, model().width / model().height);
    else if (of && tab.job)
        return; // a look at it is on its way
    $("photo-hint").textContent = !of ? "Not used: the model starts from a made-up picture."
        : !photo ? "That could not be read: choose another photo."
        : !photo.faces || photo.faces.length || !model().faces ? `${photo.name}: the model sees what is inside the frame.`
        : `${photo.name}: no face was found in it. Drag the frame to where there is one.`;
    $("with").hidden = !of;
    $("mask").hidden = !masks || !of || !photo;
    if (!$("mask").hidden)
        mask.set(photo.seen, model().width, model().height);
    $("mask-none").disabled = !tab.mask;
    const seen = of && photo ? photo.seen : null, middle = tab.found ? tab.found.middle : null;
    viewer.setBefore($("before").value === "photo" ? seen || middle : middle || seen);
}

const showFound = attempt(async () => {
    const found = tab.found, key = found ? found.middle : "";
    $("found-row").hidden = $("export").hidden = !found;
    document.body.classList.toggle("has-found", Boolean(found));
    if (key === shownFound)
        return;
    shownFound = key;
    if (!found) {
        viewer.clear();
        directions.clear();
        past.clear({});
        $("found-hint").textContent = "There are none yet. “Find directions” asks the model what it can change in this picture.";
        return;
    }
    $("found-hint").textContent = `Each changes something else. Move the sliders: several at once are one edit.${found.seconds ? ` Found in ${progress.spell(found.seconds)}.` : ""}`;
    say(`${found.cards.length} directions found`);
    if (await viewer.prepare(found, model().width, model().height)) {
        past.clear(tab.edit ? tab.edit.weights : {});
        directions.set(found, tab.settings.names || {}, tab.edit ? tab.edit.weights : {});
    }
});

function same(a, b) {
    const used = Object.keys(a).filter((key) => a[key]);
    return used.length === Object.keys(b).filter((key) => b[key]).length && used.every((key) => a[key] === b[key]);
}

const showEdit = attempt(async () => {
    const edit = tab.edit, now = directions.weights();
    const fits = Boolean(edit) && same(edit.weights, now);
    $("command-box").hidden = !edit || !Object.keys(now).length;
    $("command-box").classList.toggle("stale", !fits);
    if (edit)
        $("command").value = edit.command;
    if (!fits || !await viewer.exact(edit.picture))
        return;
    past.picture(viewer.after);
    if (Object.keys(now).length && shownEdit !== edit.picture)
        say(`The exact picture is there. It changed by ${Number(edit.change).toFixed(1)} of 255.`);
    shownEdit = edit.picture;
});

async function show() {
    settings.set(tab, model());
    showPhoto();
    permit();
    await showFound();
    await showEdit();
}

/* -- what is done -- */

const change = attempt(async (settings) => {
    calm();
    take(await ask("POST", path("/settings"), settings));
});

const sendEdit = later(250, attempt(async (weights) => {
    const found = shownFound;
    if (!tab.found)
        return;
    const job = await ask("POST", path("/edit"), {weights});
    if (found === shownFound)
        await watch(job.job);
}));

function moved(weights, resting) {
    viewer.coarse(weights);
    if (resting) {
        past.add(weights);
        past.picture(viewer.after);
    }
    permit();
    $("command-box").classList.add("stale");
    if (tab.edit && same(tab.edit.weights, weights)) {
        sendEdit.stop();
        if (resting)
            showEdit();
    } else if (Object.keys(weights).length)
        sendEdit(weights);
    else {
        sendEdit.stop();
        $("command-box").hidden = true;
    }
}

function showFile(file) {
    if (url)
        URL.revokeObjectURL(url);
    url = file ? URL.createObjectURL(file) : null;
    shownPhoto = "";
    crop.show(url);
}

const upload = attempt(async (file) => {
    if (!file)
        return;
    if (file.size > LARGEST)
        throw new Error(`${file.name}: ${Math.ceil(file.size / 1048576)} MB are too many; at most ${LARGEST / 1048576} MB.`);
    calm();
    const job = await ask("POST", path(`/photo?name=${encodeURIComponent(file.name || "photo")}`), file,
                          file.type.startsWith("image/") ? file.type : "application/octet-stream");
    showFile(file);
    await watch(job.job);
});

const example = attempt(async () => {
    showFile(null);
    await start("/photo", {example: true});
});

const save = attempt(async (what, format) => {
    const job = await start("/export", {what, format, weights: directions.weights()});
    if (!job || job.state !== "done")
        return;
    const link = document.createElement("a");
    link.href = job.result.file;
    link.download = job.result.name || "";
    link.click();
    say("Saved");
});

const copy = attempt(async () => {
    const text = $("command");
    try {
        await navigator.clipboard.writeText(text.value);
    } catch { // not over plain HTTP from another machine
        text.select();
        document.execCommand("copy");
    }
    $("copy").textContent = "Copied";
    say("Copied");
    setTimeout(() => $("copy").textContent = "Copy", 1500);
});

/* -- who does it -- */

const crop = new Crop($("stage"), (area) => change({crop: area}));
const settings = new Settings($("settings"), change);
const viewer = new Viewer($("compare"));
const mask = new Mask($("mask-box"), attempt(async (file) => {
    calm();
    take(await (file ? ask("PUT", path("/mask"), file, "image/png") : ask("DELETE", path("/mask"))));
    say(file ? "Only the bright part will change" : "All of the picture may change");
}));
const past = new History($("past"), (weights) => directions.put(weights));
const directions = new Directions($("cards"), moved, (names) => change({names}));

crop.show(null);
progress.cancelling(complain);
$("trouble").querySelector("button").onclick = calm;
$("file").onchange = () => {
    upload($("file").files[0]);
    $("file").value = "";
};
$("example").onclick = example;
$("around").onclick = () => change({crop: "auto"});
$("find").onclick = attempt(async () => {
    const job = await start("/find", {});
    if (job && job.state === "done" && getComputedStyle($("viewer")).position === "sticky")
        $("viewer").scrollIntoView();
});
$("zero").onclick = () => directions.put({});
$("before").onchange = showPhoto;
$("copy").onclick = copy;
for (const button of document.querySelectorAll("[data-what]"))
    button.onclick = () => save(button.dataset.what, button.dataset.format);

document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
    if (file)
        upload(file);
});
document.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files"))
        return;
    event.preventDefault();
    document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => !event.relatedTarget && document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
    document.body.classList.remove("over");
    if (!event.dataTransfer.files.length)
        return;
    event.preventDefault();
    upload(event.dataTransfer.files[0]);
});
document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("textarea, input:not([type=range])");
    if (writes || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey))
        return;
    event.preventDefault();
    past.travel(event.shiftKey ? 1 : -1);
});

/* -- begin -- */

async function open() {
    const old = sessionStorage.getItem("tab");
    if (old) {
        try {
            return await ask("GET", `/api/tabs/${encodeURIComponent(old)}`);
        } catch (error) {
            if (error.status !== 404)
                throw error;
        }
    }
    return ask("POST", "/api/tabs", {});
}

attempt(async () => {
    const known = await ask("GET", "/api/models");
    models = known.models;
    masks = Boolean(known.masks);
    settings.models(models);
    take(await open());
})();

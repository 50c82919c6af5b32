// Files that come to the page: chosen, pasted, dropped.
import {$, attempt} from "./dom.js";

const LARGEST = 64 << 20; // bytes that the program takes

const megabytes = (size) => Math.ceil(size / (1 << 20));

function check(file) {
    if (file.size > LARGEST)
        throw new Error(`${file.name}: ${megabytes(file.size)} MB are too many; at most ${megabytes(LARGEST)} MB.`);
    return file;
}

export const type = (file) => file.type.startsWith("image/") ? file.type : "application/octet-stream";
export const named = (path, file) => `${path}?name=${encodeURIComponent(file.name || "photo")}`;

const of = (list) => (file) => file && list(check(file));

function choosing(id, take) {
    $(id).onchange = () => {
        const [file] = $(id).files;
        take(file);
        $(id).value = "";
    };
}

// to: {photo, carry, mask, project}: each takes a File.
export function receive(to) {
    const take = Object.fromEntries(Object.entries(to).map(([what, f]) => [what, attempt(of(f))]));
    choosing("file", take.photo);
    choosing("carry-file", take.carry);
    choosing("mask-file", take.mask);
    choosing("project-file", take.project);
    document.addEventListener("paste", (event) =>
        take.photo([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));
    document.addEventListener("dragover", (event) => {
        if (![...event.dataTransfer.types].includes("Files"))
            return;
        event.preventDefault();
        document.body.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => !event.relatedTarget && document.body.classList.remove("over"));
    document.addEventListener("drop", (event) => {
        const [file] = event.dataTransfer.files;
        document.body.classList.remove("over");
        if (!file)
            return;
        event.preventDefault();
        const what = file.name.endsWith(".pullback") ? "project"
            : event.target.closest("#carry") ? "carry"
            : event.target.closest("#mask") ? "mask" : "photo";
        take[what](file);
    });
}

// Files to take along, and the command that makes the picture again.
import {$, allow, attempt, make, say, tell} from "./dom.js";
import {bytes} from "./api.js";

const ofEdit = ["photo", "strip", "animation", "direction"]; // made of what the sliders are set to

const buttons = () => document.querySelectorAll("[data-what]");

function keep(blob, name) {
    const url = URL.createObjectURL(blob);
    make("a", {href: url, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}

async function copy() {
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
}

export class Takeaway {
    // order(): {weights, history}, of what is to be made.
    constructor(work, order) {
        for (const button of buttons())
            button.onclick = attempt(() => this.save(work, {what: button.dataset.what, format: button.dataset.format, ...order()}));
        $("copy").onclick = attempt(copy);
    }

    async save(work, {what, format, weights, history}) {
        const order = {what, weights};
        if (format)
            order.format = format;
        if (what === "project")
            order.history = history;
        const job = await work.start("export", "POST", "/export", order);
        if (!job || job.state !== "done")
            return;
        keep(await bytes(job.result.file), job.result.name);
        tell(`Saved: ${job.result.name}`);
    }

    permit(tab, busy, unmoved) {
        for (const button of buttons())
            allow(button, busy ? "A file is being made" : unmoved && ofEdit.includes(button.dataset.what) ? "Move a slider first" : "");
        $("mask-row").hidden = !tab.mask;
        $("export-hint").hidden = !unmoved;
    }

    // fits: the sliders are still where they were for it.
    command(edit, fits) {
        $("command-box").hidden = !edit;
        $("command-box").classList.toggle("stale", !fits);
        if (edit)
            $("command").value = edit.command;
    }
}

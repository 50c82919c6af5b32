// The directions of one photo on another: there and back again.
import {$, attempt} from "./dom.js";
import {ask} from "./api.js";
import {named, type} from "./incoming.js";

const origin = (tab) => `first-${tab}`; // in the session's storage: the tab of the photo that a tab's directions are of

export class Carry {
    // carried(TAB): a new tab, with another photo; own(): the tab's directions will be its own.
    constructor(work, carried, own) {
        this.work = work;
        this.carried = carried;
        $("carry-example").onclick = attempt(() => this.send("/carry", {example: true}));
        $("back").onclick = attempt(() => this.back());
        $("own").onclick = attempt(async () => {
            work.take(await ask("DELETE", work.path("/carried")));
            own();
        });
    }

    take(file) {
        return this.send(named("/carry", file), file, type(file));
    }

    async back() {
        try {
            this.work.take(await ask("GET", `/api/tabs/${sessionStorage.getItem(origin(this.work.tab.tab))}`));
        } catch (error) {
            throw error.status === 404 ? new Error("The program no longer has the first photo: it keeps what was used last.") : error;
        }
    }

    async send(rest, body, of) {
        const from = this.work.tab.tab, next = await ask("POST", this.work.path(rest), body, of);
        sessionStorage.setItem(origin(next.tab), sessionStorage.getItem(origin(from)) || from);
        this.carried(next);
    }

    show(tab) {
        const first = sessionStorage.getItem(origin(tab.tab));
        $("carry").hidden = !tab.found || tab.settings.source !== "photo";
        $("carried").hidden = !tab.carried && !first;
        $("own").hidden = !tab.carried;
        $("back").hidden = !first;
        $("carried-text").textContent = tab.carried
            ? `These are the directions of ${tab.carried.from}, carried to this photo.` : "This is another photo than the first.";
    }
}

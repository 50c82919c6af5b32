// What the browser keeps of a tab until its window is closed: the steps that were taken.
import {same} from "./weights.js";

const key = (tab) => `steps-${tab}`;

export function remember(tab, steps, at) {
    try {
        sessionStorage.setItem(key(tab), JSON.stringify({steps, at}));
    } catch { // there is no room for more
        sessionStorage.removeItem(key(tab));
    }
}

// Those of a project that was opened.
function restored(tab) {
    const {weights, history} = tab.restored;
    const list = history.some((one) => same(one, weights)) ? history : [...history, weights];
    return {
        steps: list.map((one) => ({settings: tab.settings, weights: one, found: true})),
        at: list.findLastIndex((one) => same(one, weights))};
}

// {steps, at}, or null.
export function recall(tab) {
    const text = sessionStorage.getItem(key(tab.tab));
    if (text)
        return JSON.parse(text);
    return tab.restored ? restored(tab) : null;
}

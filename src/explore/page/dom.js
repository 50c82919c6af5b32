// What all parts of the page use to make and to tell things.

export const $ = (id) => document.getElementById(id);

// make("p", {class: "hint", title: "…", onclick: f}, "text", child, …)
export function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith("on"))
            element.addEventListener(key.slice(2), value);
        else if (value === true || value === false)
            element.toggleAttribute(key, value);
        else if (value !== null && value !== undefined)
            element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
}

// For those who hear the page.
export function say(text) {
    $("live").textContent = text;
}

// For those who see it, too: a notice that goes away.
export function tell(text) {
    say(text);
    $("notice").textContent = text;
    $("notice").hidden = false;
    hush();
}

export function complain(error) {
    $("trouble").firstElementChild.textContent = error.message || String(error);
    $("trouble").hidden = false;
}

export function calm() {
    $("trouble").hidden = true;
}

// The same work; what goes wrong with it is told, and it then comes to null.
export const attempt = (work) => async (...values) => {
    try {
        return await work(...values);
    } catch (error) {
        complain(error);
        return null;
    }
};

export function later(wait, work) {
    let timer = 0;
    const call = (...values) => {
        clearTimeout(timer);
        timer = setTimeout(work, wait, ...values);
    };
    call.stop = () => clearTimeout(timer);
    return call;
}

const hush = later(6000, () => $("notice").hidden = true);

// Whether a button can be pressed; else why not, in its title.
export function allow(button, why) {
    button.dataset.title ??= button.title;
    button.disabled = Boolean(why);
    button.title = why || button.dataset.title;
}

// Of the radio buttons of a name: what is chosen, and how it is.
export const chosen = (name) => document.querySelector(`[name=${name}]:checked`).value;
export const choose = (name, value) => document.querySelector(`[name=${name}][value=${value}]`).checked = true;

// A picture of a URL.
export function picture(url) {
    return new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => resolve(image);
        image.onerror = () => reject(new Error("The program does not have a picture any longer: load the page again."));
        image.src = url;
    });
}

export const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

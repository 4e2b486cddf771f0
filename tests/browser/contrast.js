/* Texts and fields of a page that do not stand out enough, each once: what it is, the contrast, both colours. */
() => {
    const rgba = (text) => {
        const found = text.match(/[\d.]+/g).map(Number);
        return text.startsWith("color(srgb") ? [...found.slice(0, 3).map((one) => one * 255), found[3] ?? 1] : [...found.slice(0, 3), found[3] ?? 1];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((one, i) => one * a + below[i] * (1 - a));
    const light = (rgb) => {
        const [r, g, b] = rgb.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => {
        const [low, high] = [light(a), light(b)].sort((one, other) => one - other);
        return (high + 0.05) / (low + 0.05);
    };
    // what lies under an element; null where it is a picture
    const ground = (element) => {
        const layers = [];
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            if (style.backgroundImage !== "none") return null;
            const colour = rgba(style.backgroundColor);
            if (colour[3] > 0) layers.push(colour);
            if (colour[3] === 1) break;
        }
        return layers.reduceRight((below, one) => over(one, below), [255, 255, 255]);
    };
    const opacity = (element) => {
        let share = 1;
        for (let at = element; at; at = at.parentElement) share *= Number(getComputedStyle(at).opacity);
        return share;
    };
    const hex = (rgb) => "#" + rgb.map((one) => Math.round(one).toString(16).padStart(2, "0")).join("");
    const isSeen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length && !element.closest(":disabled, [aria-disabled=true]");
    const found = new Map();
    const check = (element, what, colour, below, least) => {
        if (!below) return;
        const [r, g, b, a] = rgba(colour);
        const seen = over([r, g, b, a * opacity(element)], below);
        const ratio = contrast(seen, below);
        if (ratio >= least - 0.005) return;
        const place = element.tagName.toLowerCase() + [...element.classList].map((one) => "." + one).join("");
        found.set(`${place} ${hex(seen)} ${hex(below)}`, { place, what, ratio: Math.round(ratio * 100) / 100, least, colour: hex(seen), ground: hex(below) });
    };
    let texts = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.data.trim() || element.closest("noscript, script, style, svg, canvas, option") || !isSeen(element)) continue;
        texts += 1;
        const style = getComputedStyle(element);
        const px = parseFloat(style.fontSize);
        const isLarge = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
        check(element, node.data.trim().slice(0, 20), style.color, ground(element), isLarge ? 3 : 4.5);
    }
    for (const field of document.querySelectorAll("input:not([type=checkbox], [type=radio], [type=file]), select, textarea")) {
        if (!isSeen(field)) continue;
        texts += 1;
        const style = getComputedStyle(field);
        const here = ground(field);
        check(field, "text of a field", style.color, here, 4.5);
        const holder = field.placeholder && !field.value ? getComputedStyle(field, "::placeholder").color : null;
        if (holder) check(field, "placeholder", holder, here, 4.5);
        if (parseFloat(style.borderTopWidth) > 0) check(field, "edge of a field", style.borderTopColor, ground(field.parentElement), 3);
    }
    return { texts, faint: [...found.values()] };
}

"""The contrast of the controls of a page with their surroundings (WCAG 2.2, 1.4.11), which axe does not check."""

import numpy as np

# Returns the controls that are visible: name, rgba of the border, or of the area if there is no border, and rgb around.
CONTROLS = """() => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    const rgba = (colour, opacity = 1) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255 * opacity];
    };
    const around = element => {
        const colour = rgba(getComputedStyle(element.parentElement).backgroundColor);
        return colour[3] === 1 ? colour.slice(0, 3) : around(element.parentElement);
    };
    // The inputs of files and views are invisible: the label, or the field set of the views, has border and outline.
    const labelOf = control => ["file", "radio"].includes(control.type) ? control.closest("label") : control;
    const boxOf = control => control.type === "radio" ? control.closest("fieldset") : labelOf(control);
    const nameOf = control => control.id || control.textContent.trim() || control.value || control.tagName;
    window.focused = () => {
        const box = labelOf(document.activeElement), style = getComputedStyle(box);
        const drawn = style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2;
        const outline = drawn ? rgba(style.outlineColor) : [0, 0, 0, 0];
        return [`focus of ${nameOf(document.activeElement)}`, outline, around(box)];
    };
    const controls = [...document.querySelectorAll("button, input, select")];
    return controls.filter(control => boxOf(control).checkVisibility()).map(control => {
        const box = boxOf(control), style = getComputedStyle(box);
        const border = rgba(style.borderTopColor, style.opacity);
        const bordered = style.borderTopStyle !== "none" && border[3];
        return [nameOf(control), bordered ? border : rgba(style.backgroundColor, style.opacity), around(box)];
    });
}"""


def contrast(colour: list[float], around: list[float]) -> float:
    """Return the contrast of `colour`, [red, green, blue, opacity], with `around`, which is below it too (WCAG 2.2)."""
    blended = np.multiply(colour[:3], colour[3]) + np.multiply(around, 1 - colour[3])
    shares = np.stack([blended, around]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    darker, lighter = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return float((lighter + 0.05) / (darker + 0.05))

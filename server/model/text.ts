// Texts that come from devices, made safe to store and to show: an agent may send anything in them.

/** Letters kept of any one text that names a device. */
export const deviceTextMax = 512

// C0 and C1 controls, bidirectional and invisible formatting, and U+FFFE/U+FFFF.
const UNSAFE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]+/gu
/** Colours and other commands to a terminal (ECMA-48, 5.4: CSI; 8.3.89: OSC up to its end). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ANSI = /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[\u001b\u009b]\[?[0-9;:?]*[ -/]*[@-~]/g

/** One line without control or direction characters, at most `max` UTF-16 units. */
export function cleanText(text: string, max: number = deviceTextMax): string {
  const line = text.toWellFormed().replace(UNSAFE, ' ').replace(/\s+/g, ' ').trim()
  return line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`
}

/** The same of what was meant for a terminal: a line of a log. */
export function cleanLine(text: string, max: number = deviceTextMax): string {
  return cleanText(text.replace(ANSI, ''), max)
}

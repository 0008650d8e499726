// The words of scripts, in the language of the page: the server writes them into its first element
// (`client` of server/web/languages).

export const words = JSON.parse(document.documentElement.dataset.words ?? '{}')

/** With what stands in braces filled in: `say(words.max, { value: '3 %' })`. */
export function say(text, values = {}) {
  return (text ?? '').replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ''))
}

/** For dates; English ones are written the British way, with hours to 24. */
export const LOCALE =
  document.documentElement.lang === 'en' ? 'en-GB' : document.documentElement.lang

// Names and titles of a profile made of a MIB: what the MIB's names become in the words of profiles.

/** Characters of names and titles (profile.ts). */
export const nameMax = 48
export const titleMax = 80

/** What all names begin with, up to a capital. */
export function commonPrefix(names: readonly string[]): string {
  const [first = ''] = names
  if (names.length < 2) return ''
  let length = first.length
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length--
  while (length > 0 && !names.every(name => /^[A-Z]/.test(name.slice(length)))) length--
  return first.slice(0, length)
}

export function shortName(name: string, prefix: string): string {
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : name
  const short = snake(rest)
  return /^[a-z]/.test(short) ? short : snake(name)
}

/** `ifHCInOctets` → `if_hc_in_octets`. */
export function snake(name: string): string {
  const words = wordsOf(name).join('_').toLowerCase()
  return words.replace(/^[^a-z]+/, '').slice(0, nameMax) || 'unnamed'
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter(word => word !== '')
}

/** `InOctets` → `In octets`; abbreviations keep their capitals. */
export function titleOf(name: string): string {
  const words = wordsOf(name).map((word, i) =>
    i > 0 && /^[A-Z][a-z]/.test(word) ? word.toLowerCase() : word,
  )
  const title = words.join(' ')
  return `${title.slice(0, 1).toUpperCase()}${title.slice(1)}`.slice(0, titleMax) || 'Values'
}

export function unused(name: string, taken: Readonly<Record<string, unknown>>): string {
  if (!(name in taken)) return name
  for (let i = 2; ; i++) {
    const numbered = `${name.slice(0, nameMax - 4)}_${i}`
    if (!(numbered in taken)) return numbered
  }
}

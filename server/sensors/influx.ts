// InfluxDB line protocol: `measurement,tag=value field=1i,other="text" 1465839830100400200`. A line
// becomes the same object as Telegraf's JSON: name, tags, fields, timestamp.

/** Characters of one number: the smallest of a float, written out, has 326. */
const numberMax = 400
const signedMax = 2n ** 63n - 1n
const unsignedMax = 2n ** 64n - 1n

export interface Point {
  name: string
  tags: Record<string, string>
  fields: Record<string, unknown>
  timestamp: bigint | null
}

/** The points of a text, or null where a line is no point. Empty lines and comments are passed over. */
export function parseLines(text: string, linesMax: number): Point[] | null {
  const points: Point[] = []
  for (const line of linesOf(text)) {
    const point = points.length < linesMax ? parseLine(line) : null
    if (!point) return null
    points.push(point)
  }
  return points
}

/** A line feed within a quoted text is a part of it. */
function linesOf(text: string): string[] {
  return splitAt(text, '\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
}

function parseLine(line: string): Point | null {
  const [head, fieldSet, time, ...rest] = splitAt(line, ' ').filter(part => part !== '')
  if (head === undefined || fieldSet === undefined || rest.length > 0) return null
  const [name = '', ...tagTexts] = splitAt(head, ',', false)
  const tags = pairs(tagTexts, false)
  const fieldTexts = pairs(splitAt(fieldSet, ','), true)
  if (name === '' || !tags || !fieldTexts || fieldTexts.length === 0) return null
  const fields = fieldTexts.map(([key, text]) => [key, fieldValue(text)] as const)
  if (fields.some(([, value]) => value === undefined)) return null
  if (time !== undefined && !/^-?\d{1,19}$/.test(time)) return null
  return {
    name: unescaped(name),
    tags: Object.fromEntries(tags.map(([key, text]) => [key, unescaped(text)])),
    fields: Object.fromEntries(fields),
    timestamp: time === undefined ? null : BigInt(time),
  }
}

function pairs(texts: readonly string[], quoted: boolean): [string, string][] | null {
  const found: [string, string][] = []
  for (const text of texts) {
    const [key, value, ...rest] = splitAt(text, '=', quoted)
    if (!key || value === undefined || rest.length > 0) return null
    found.push([unescaped(key), value])
  }
  return found
}

/** A number, whole with i or u, a text in quotes, or a truth; undefined: none of these. */
function fieldValue(text: string): unknown {
  if (text.startsWith('"')) {
    if (text.length < 2 || !text.endsWith('"')) return undefined
    return text.slice(1, -1).replace(/\\(["\\])/g, '$1')
  }
  if (text.length > numberMax) return undefined
  const [, digits, type] = /^(-?\d+)([iu])$/.exec(text) ?? []
  if (digits !== undefined) return integer(digits, type === 'u')
  if (/^(t|true)$/i.test(text)) return true
  if (/^(f|false)$/i.test(text)) return false
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$/.test(text) ? Number(text) : undefined
}

/** Beyond what 64 bits hold it is infinite: a gap, where a wrapped number would be a lie. */
function integer(digits: string, isUnsigned: boolean): number | bigint {
  const number = Number(digits)
  if (Number.isSafeInteger(number) && !(isUnsigned && number < 0)) return number
  const value = BigInt(digits)
  if (value > (isUnsigned ? unsignedMax : signedMax)) return Number.POSITIVE_INFINITY
  if (value < (isUnsigned ? 0n : -signedMax - 1n)) return Number.NEGATIVE_INFINITY
  return value < 0n ? number : value
}

/** Splits where `at` stands unescaped and, unless `quoted` is false, outside of quotes. */
function splitAt(text: string, at: string, quoted = true): string[] {
  // Nearly always nothing is escaped or quoted.
  if (!text.includes('\\') && !text.includes('"')) return text.split(at)
  const parts: string[] = []
  let isInside = false
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '\\') i++
    else if (quoted && char === '"') isInside = !isInside
    else if (char === at && !isInside) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, text.slice(from)]
}

function unescaped(text: string): string {
  return text.replace(/\\([,= ])/g, '$1')
}

// What the UNITS clause of a MIB means in base units. The clause is free text, so this knows the
// words that MIBs use, and says null for all others.

export interface MibUnit {
  unit: string
  /** Times the raw number is the value in that unit. */
  scale: number
}

const NUMBERS: readonly [RegExp, number][] = [
  [/^(?:tenths?|deci)(?:\s+of)?(?:\s+an?)?\s*[- ]?/, 0.1],
  [/^(?:hundredths?|centi)(?:\s+of)?(?:\s+an?)?\s*[- ]?/, 0.01],
  [/^(?:thousandths?|milli)(?:\s+of)?(?:\s+an?)?\s*[- ]?/, 0.001],
  [/^(?:millionths?|micro)(?:\s+of)?(?:\s+an?)?\s*[- ]?/, 1e-6],
  [/^kilo[- ]?/, 1000],
  [/^mega[- ]?/, 1e6],
  [/^giga[- ]?/, 1e9],
]

/** Words for a base unit; the plural and `(s)` are taken off before. */
const WORDS: readonly [RegExp, string, number][] = [
  [/^(?:%|percent(?:age)?|pct)$/, '%', 1],
  [/^(?:s|sec|second)$/, 's', 1],
  [/^(?:min|minute)$/, 's', 60],
  [/^(?:h|hr|hour)$/, 's', 3600],
  [/^day$/, 's', 86_400],
  [/^(?:ms|msec)$/, 's', 0.001],
  [/^(?:us|usec)$/, 's', 1e-6],
  [/^(?:ns|nsec|nanosecond)$/, 's', 1e-9],
  [/^(?:byte|octet|b)$/, 'By', 1],
  [/^(?:kb|kib|kbyte|k-octet|k-byte|kibibyte)$/, 'By', 1024],
  [/^(?:mb|mib|mbyte|mebibyte)$/, 'By', 1024 ** 2],
  [/^(?:gb|gib|gbyte|gibibyte)$/, 'By', 1024 ** 3],
  [/^(?:byte|octet)(?:s)?(?:\/| per )(?:s|sec|second)$/, 'By/s', 1],
  [/^bit$/, 'bit', 1],
  [/^(?:bps|bit(?:s)?(?:\/| per )(?:s|sec|second))$/, 'bit/s', 1],
  [/^(?:kbps|kbit\/s|kbit(?:s)? per second|kilobits? per second)$/, 'bit/s', 1000],
  [/^(?:mbps|mbit\/s|mbit(?:s)? per second|megabits? per second)$/, 'bit/s', 1e6],
  [/^(?:hz|hertz)$/, 'Hz', 1],
  [/^khz$/, 'Hz', 1000],
  [/^mhz$/, 'Hz', 1e6],
  [/^ghz$/, 'Hz', 1e9],
  [/^(?:v|volt|rms volt|volt dc|volt ac|volt rms|vdc|vac)$/, 'V', 1],
  [/^(?:mv)$/, 'V', 0.001],
  [/^(?:a|amp|ampere|rms amp|amp dc|amp ac|amp rms|ampere rms|rms ampere)$/, 'A', 1],
  [/^(?:ma)$/, 'A', 0.001],
  [/^(?:w|watt)$/, 'W', 1],
  [/^kw$/, 'W', 1000],
  [/^mw$/, 'W', 0.001],
  [/^(?:va|volt-?\s?amp|volt-?\s?ampere)$/, 'VA', 1],
  [/^kva$/, 'VA', 1000],
  [/^(?:var|volt-?\s?amp(?:ere)?\s?reactive)$/, 'var', 1],
  [/^(?:wh|watt-?\s?hour)$/, 'Wh', 1],
  [/^kwh$/, 'Wh', 1000],
  [/^(?:c|cel|celsius|centigrade|deg(?:ree)?\.? ?(?:c|celsius|centigrade))$/, 'Cel', 1],
  [/^(?:rpm|revolution per minute)$/, '{rpm}', 1],
  [/^dbm$/, 'dB[mW]', 1],
  [/^(?:db|decibel)$/, 'dB', 1],
  [/^(?:pa|pascal)$/, 'Pa', 1],
  [/^(?:m|meter|metre)$/, 'm', 1],
  [/^lux$/, 'lx', 1],
  [/^ohm$/, 'Ohm', 1],
  [
    /^(?:packet|pkt|frame|cell|error|event|message|request|session|client|user|page|sheet)$/,
    '{}',
    1,
  ],
]

/** `0.1 Volt DC` → V, 0.1; null where the words are not known. */
export function mibUnit(units: string): MibUnit | null {
  let text = units
    .toLowerCase()
    .replace(/\(s\)/g, 's')
    .replace(/[.\s]+$/, '')
    .replace(/\s+/g, ' ')
    .trim()
  let scale = 1
  const number =
    /^(?:in )?(?:units? of )?(?:1\/([0-9]+)|([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+))\s*(?:of )?(?:an? )?(?=\D|$)/.exec(
      text,
    )
  if (number) {
    scale =
      number[1] === undefined
        ? Number((number[2] ?? '1').replaceAll(',', ''))
        : 1 / Number(number[1])
    text = text.slice(number[0].length)
  }
  const whole = wordUnit(text)
  if (whole) return scaled(whole, scale)
  for (const [prefix, factor] of NUMBERS) {
    const unit = prefix.test(text) ? wordUnit(text.replace(prefix, '')) : null
    // Kilobytes of agents are 1024 bytes.
    if (unit) return scaled(unit, scale * (unit.unit === 'By' ? binary(factor) : factor))
  }
  return null
}

function binary(factor: number): number {
  return factor === 1000 ? 1024 : factor === 1e6 ? 1024 ** 2 : factor === 1e9 ? 1024 ** 3 : factor
}

function scaled({ unit, scale }: MibUnit, factor: number): MibUnit {
  return { unit, scale: Number((scale * factor).toPrecision(12)) }
}

function wordUnit(text: string): MibUnit | null {
  const each = /^(\S+?)s?(?:\/| per )(?:s|sec|second)$/.exec(text)
  const counted = each ? wordUnit(each[1] ?? '') : null
  if (counted && /^\{[a-z]+\}$|^By$|^bit$/.test(counted.unit)) {
    return { unit: `${counted.unit}/s`, scale: counted.scale }
  }
  const one = text.replace(/^degrees\b/, 'degree').replace(/^(?!rms)(\S*?[a-z]{2})s\b/, '$1')
  const singular = one.replace(/s$/, '')
  for (const [words, unit, scale] of WORDS) {
    for (const word of [text, one, singular]) {
      if (words.test(word)) return { unit: unit === '{}' ? `{${thing(singular)}}` : unit, scale }
    }
  }
  return null
}

function thing(word: string): string {
  return word === 'pkt' ? 'packet' : word
}

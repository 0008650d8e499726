// Values as people read them, on the server and in the browser by the same words.
import t from 'tap'
import { formatSeconds, formatValue, unitText } from '../../server/model/units.ts'

const EXPECTED: [number, string, string][] = [
  [412_000_000, 'bit/s', '412 Mbit/s'],
  [0, 'bit/s', '0 bit/s'],
  [1536, 'By', '1.50 KiB'],
  [2_000_000, 'By/s', '1.91 MiB/s'],
  [93.24, '%', '93.2 %'],
  [21.5, 'Cel', '21.5 °C'],
  [1, '{container}', '1 container'],
  [2, '{container}', '2 containers'],
  [3, '{process}', '3 processes'],
  [1200, '{rpm}', '1200 rpm'],
  [0.42, '{error}/s', '0.42 errors/s'],
  [93_784, 's', '1 d 2 h'],
  [0.0042, 's', '4.20 ms'],
  [1.25, '1', '1.25'],
  [-61, 'dB[mW]', '-61 dBm'],
  [10.8, 'l/m2', '10.8 l/m²'],
  [640, 'W/m2', '640 W/m²'],
  [412, '[ppm]', '412 ppm'],
  [101_340, 'Pa', '1013.4 hPa'],
  [-1000, 'Pa', '-10.0 hPa'],
  [62, 'Pa', '62 Pa'],
]

t.test('formats each kind of unit', async t => {
  for (const [value, unit, text] of EXPECTED) t.equal(formatValue(value, unit), text)
  t.equal(formatValue(4.27182, 'V', 1), '4.3 V')
})

t.test('seconds as their two largest parts', async t => {
  t.equal(formatSeconds(0), '0 s')
  t.equal(formatSeconds(59.94), '59.9 s')
  t.equal(formatSeconds(3600), '1 h')
  t.equal(formatSeconds(3661), '1 h 1 min')
})

t.test('unit names', async t => {
  t.equal(unitText('{packet}/s'), 'packets/s')
  t.equal(unitText('1'), '')
})

t.test('the browser says the same', async t => {
  const script = new URL('../../public/js/units.js', import.meta.url).href
  const browser: { formatValue(value: number, unit: string): string } = await import(script)
  for (const [value, unit, text] of EXPECTED) t.equal(browser.formatValue(value, unit), text)
})

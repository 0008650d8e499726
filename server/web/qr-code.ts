// A text as a QR code, drawn here: nothing of it leaves for another host.

import qrcode from 'qrcode-generator'

/** Light modules around the code, that readers need (ISO/IEC 18004: four). */
const QUIET = 4

/** An SVG path of one-unit squares, and how many units the picture is wide and high. */
export function qrCode(text: string): { path: string; size: number } {
  const code = qrcode(0, 'M')
  code.addData(text)
  code.make()
  const count = code.getModuleCount()
  let path = ''
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`
    }
  }
  return { path, size: count + 2 * QUIET }
}

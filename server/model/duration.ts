// Durations as people write them: `10s`, `5m`, `1h`, `1d`. Nothing here reads a clock.

import { AppError } from './errors.ts'

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

export const DURATION_PATTERN = '^[1-9][0-9]{0,6}(s|m|h|d)$'

/**
 * Milliseconds of a duration such as `30s`.
 * @throws AppError E_DURATION when the text is not a positive whole number with s, m, h or d
 */
export function parseDuration(text: string): number {
  const match = /^([1-9][0-9]{0,6})([smhd])$/.exec(text)
  if (!match) {
    throw new AppError('E_DURATION', `"${text}" is not a duration`, {
      hint: 'write a positive whole number and a unit: 10s, 5m, 1h or 1d',
    })
  }
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}

/** The shortest exact form: 60_000 is `1m`, 90_000 is `90s`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (ms >= UNIT_MS[unit] && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`
  }
  return `${Math.round(ms / 1000)}s`
}

// `pollux doctor`: checks every part and says what to mend. Exit 1 where something is wrong.

import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { examine } from '../compose/doctor.ts'
import { print, printJson } from './output.ts'

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check settings, database, broker, Redis, engines, ports, clock, disk and rights')
    .option('--json', 'answer as JSON')
    .action(async (options: { json?: boolean }) => {
      if (existsSync('.env')) process.loadEnvFile('.env')
      const checks = await examine(process.env)
      if (options.json) printJson({ ok: checks.every(({ ok }) => ok), checks })
      else {
        for (const { name, ok, text, mend } of checks) {
          print(`${ok ? 'ok   ' : 'FAULT'} ${name}: ${text}`)
          if (mend !== '') print(`      ${mend}`)
        }
      }
      if (checks.some(({ ok }) => !ok)) process.exitCode = 1
    })
}

// `pollux profiles`: check every profile file, as editors and CI want it; the other commands on
// profiles are in files of their own.

import { Command } from 'commander'
import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import { buildCatalogue } from '../profiles/build.ts'
import { loadSources } from '../profiles/load.ts'
import { settings } from './open.ts'
import { print, printJson } from './output.ts'
import { addTryCommand } from './profiles-try.ts'

export function profilesCommand(): Command {
  const command = new Command('profiles').description('OID profiles')
  command
    .command('check')
    .description('check every profile; exit 1 where one has an error')
    .option('--json', 'answer as JSON')
    .action(async (options: { json?: boolean }) => {
      const { config } = settings()
      const sources = await loadSources({
        shippedDir: SHIPPED_PROFILES_DIR,
        ...(config.profilesDir === null ? {} : { userDir: config.profilesDir }),
      })
      const { profiles, problems } = buildCatalogue(sources)
      if (options.json) printJson({ profiles: [...profiles.keys()], problems })
      else {
        for (const p of problems) {
          print(
            `${p.file}:${p.line}:${p.column}: ${p.severity} ${p.code}: ${p.message}${p.hint ? ` (${p.hint})` : ''}`,
          )
        }
        print(
          `${profiles.size} profiles, ${problems.filter(p => p.severity === 'error').length} errors`,
        )
      }
      if (problems.some(p => p.severity === 'error')) process.exitCode = 1
    })
  addTryCommand(command)
  return command
}

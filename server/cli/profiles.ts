// `pollux profiles`: check every profile file, as editors and CI want it; the other commands on
// profiles are in files of their own.

import { Command } from 'commander'
import { buildCatalogue } from '../profiles/build.ts'
import { print, printJson } from './output.ts'
import { addFromMibCommand } from './profiles-from-mib.ts'
import { addRecordCommand } from './profiles-record.ts'
import { loadProfiles } from './profiles-sources.ts'
import { addTryCommand } from './profiles-try.ts'

export function profilesCommand(): Command {
  const command = new Command('profiles').description('OID profiles')
  command
    .command('check')
    .description('check every profile; exit 1 where one has an error')
    .option('--json', 'answer as JSON')
    .action(async (options: { json?: boolean }) => {
      const { profiles, problems } = buildCatalogue(await loadProfiles())
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
  addRecordCommand(command)
  addFromMibCommand(command)
  return command
}

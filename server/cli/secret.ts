// `pollux secret`: named secrets that device configs refer to as `{ "secret": NAME }`.

import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { createAudit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import { CLI_ACTOR, openSecrets, withStore } from './open.ts'
import { print, printJson, printTable } from './output.ts'

export function secretCommand(): Command {
  const command = new Command('secret').description('named secrets of device configs')
  command
    .command('set')
    .description('seal a secret; its text is read from standard input')
    .argument('<name>', 'as campus-ro')
    .action((name: string) =>
      withStore(async ({ store, config }) => {
        if (!/^[a-z0-9][a-z0-9._-]{0,127}$/.test(name)) {
          throw new AppError('E_SECRET_NAME', `"${name}" is not a secret's name`, {
            hint: 'small letters, digits, dots, dashes',
          })
        }
        const value = (await text(process.stdin)).replace(/\r?\n$/, '')
        if (value === '' || value.length > 256) {
          throw new AppError('E_SECRET_TEXT', 'standard input must give 1 to 256 characters', {
            hint: `printf %s "$COMMUNITY" | pollux secret set ${name}`,
          })
        }
        const secrets = await openSecrets(config)
        await store.secrets.put(name, secrets.seal(name, value), Date.now())
        await createAudit(store.audit).record(CLI_ACTOR, 'secret.set', `secret:${name}`)
        print(`secret ${name} is set`)
      }),
    )
  command
    .command('list')
    .description('names of all secrets, never their texts')
    .option('--json', 'answer as JSON')
    .action((options: { json?: boolean }) =>
      withStore(async ({ store }) => {
        const list = await store.secrets.list()
        if (options.json) printJson(list)
        else
          printTable(
            ['NAME', 'CHANGED'],
            list.map(s => [s.name, new Date(s.updatedAt).toISOString()]),
          )
      }),
    )
  return command
}

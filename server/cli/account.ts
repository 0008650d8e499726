// `pollux account`: accounts on the MQTT broker for sensors, guests and pollers. Over the embedded
// broker the database is changed, and the server that runs follows within seconds.

import { Argument, Command } from 'commander'
import { type BrokerAccounts, createBrokerAccounts } from '../agents/accounts.ts'
import { createAudit } from '../audit.ts'
import { HAND_MADE_ROLES, type HandMadeRole } from '../bus/account-rights.ts'
import type { Accounts } from '../bus/accounts.ts'
import { createDynsecAccounts } from '../bus/accounts-dynsec.ts'
import { loadAccounts } from '../bus/accounts-embedded.ts'
import { createDynsec } from '../bus/dynsec.ts'
import { connectedBus } from './broker.ts'
import { CLI_ACTOR, type Opened, withStore } from './open.ts'
import { print, printJson, printTable } from './output.ts'

interface AddOptions {
  topic: string[]
  clientId?: string
  json?: boolean
}

export function accountCommand(): Command {
  const command = new Command('account').description(
    'accounts on the MQTT broker for sensors, guests and pollers',
  )
  command
    .command('add')
    .description('make an account; its password is printed once and cannot be read again')
    .addArgument(new Argument('<role>', 'what it may do').choices([...HAND_MADE_ROLES]))
    .argument('<name>', 'its user is called ROLE-NAME')
    .option(
      '--topic <filter>',
      'where a sensor sends; may be repeated',
      (t, all: string[]) => [...all, t],
      [],
    )
    .option(
      '--client-id <id>',
      'on Mosquitto: of a device that chooses its own; else its user name',
    )
    .option('--json', 'answer as JSON')
    .action((role: HandMadeRole, name: string, { topic, clientId, json }: AddOptions) =>
      withAccounts(async accounts => {
        const wish = { role, name, topics: topic, ...(clientId && { clientId }) }
        const made = await accounts.add(wish, CLI_ACTOR)
        if (json) return printJson(made)
        print(`user      ${made.username}`)
        print(`password  ${made.password}`)
      }),
    )
  command
    .command('list')
    .description('all accounts but those of enrolled agents, without passwords')
    .option('--json', 'answer as JSON')
    .action((options: { json?: boolean }) =>
      withAccounts(async accounts => {
        const listed = await accounts.list()
        if (options.json) return printJson(listed)
        printTable(
          ['USER', 'ROLE', 'SENDS', 'HEARS', 'MADE'],
          listed.map(one => [
            one.username,
            one.isLeft ? 'left behind by an enrolment' : one.role,
            one.publish.join(' '),
            one.subscribe.join(' '),
            new Date(one.createdAt).toISOString().slice(0, 10),
          ]),
        )
      }),
    )
  command
    .command('remove')
    .description('end an account and cut it off')
    .argument('<user>', 'as `pollux account list` names it')
    .action((username: string) =>
      withAccounts(async accounts => {
        await accounts.remove(username, CLI_ACTOR)
        print(`"${username}" is removed`)
      }),
    )
  return command
}

function withAccounts<T>(work: (accounts: BrokerAccounts) => Promise<T>): Promise<T> {
  return withStore(async opened => {
    const { accounts, close } = await accountsOf(opened)
    const { store, config } = opened
    const audit = createAudit(store.audit)
    try {
      const { site } = config
      return await work(createBrokerAccounts({ accounts, enrolment: store.enrolment, audit, site }))
    } finally {
      await close()
    }
  })
}

async function accountsOf({
  config,
  store,
  log,
}: Opened): Promise<{ accounts: Accounts; close(): Promise<void> }> {
  if (config.mqttUrl === null) {
    // Whoever is connected is cut off by the server, which holds the connection.
    const nobody = { isReserved: () => false, disconnect: () => undefined }
    const accounts = await loadAccounts({ store: store.accounts, ...nobody })
    return { accounts, close: async () => undefined }
  }
  const bus = await connectedBus({
    url: config.mqttUrl,
    purpose: 'account',
    log,
    hint: 'check POLLUX_MQTT_URL: address, user and password of the broker',
  })
  const dynsec = createDynsec(bus)
  return {
    accounts: createDynsecAccounts({ store: store.accounts, dynsec }),
    close: () => bus.close(),
  }
}

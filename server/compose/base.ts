// What every step of the composition gets.

import type { MqttBus } from '../bus/client.ts'
import type { Principal } from '../bus/principals.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../log.ts'
import type { SetAsideRegister } from '../model/setaside.ts'
import type { Lifecycle } from './lifecycle.ts'

export interface Base {
  config: Config
  env: NodeJS.ProcessEnv
  log: Logger
  life: Lifecycle
  /** What came and was not taken. */
  refusals: SetAsideRegister
}

/** Connects a part of ours as a user of its own: what it may publish and subscribe is listed. */
export type Connect = (principal: Principal) => MqttBus

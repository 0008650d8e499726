// Puts together what forecasts: the devices of the directory, the metrics of their profiles, and the lease
// of judge, so that one process of several does it.

import type { Directory } from '../devices/directory.ts'
import { counter, gauge, type Registry } from '../metrics.ts'
import { createForecaster, type Forecaster } from '../models/forecast/forecaster.ts'
import type { Store } from '../store/contract.ts'
import type { Base } from './base.ts'
import type { Alarms } from './judge.ts'

export function startForecasts(
  { log, life }: Base,
  parts: { store: Store; directory: Directory; alarms: Alarms },
): Forecaster {
  const { store, directory, alarms } = parts
  const forecaster = createForecaster({
    ...{ store, log },
    devices: () => directory.all(),
    metricsOf: alarms.metricsOf,
    isOurs: () => alarms.judge.stats().isJudge,
  })
  forecaster.start()
  life.started('forecasts', () => forecaster.close())
  return forecaster
}

export function observeForecasts(registry: Registry, { stats }: Forecaster): void {
  gauge(registry, 'pollux_forecast_series', 'Series of the last round of forecasts', () => [
    { value: stats().series },
  ])
  gauge(
    registry,
    'pollux_forecast_series_left_out',
    'Series that were not forecast, as there are too many',
    () => [{ value: stats().leftOut }],
  )
  counter(
    registry,
    'pollux_forecast_failures_total',
    'Devices whose forecasts could not be made',
    () => [{ value: stats().failed }],
  )
}

// Simulated sensors: what a weather station, plugs, a relay, Zigbee devices and a host with Telegraf
// would publish now, topic by topic and in their own words. Pure, but for the chance in it.

export interface Published {
  topic: string
  payload: string
}

/** One that publishes every `everyS` seconds what it measures at `seconds` since the start. */
export interface Sensor {
  everyS: number
  publish(seconds: number, now: number): Published[]
}

/** What an admin adds to have them mapped. */
export const SENSOR_DEVICES = [
  {
    id: 'weather-station',
    name: 'Weather station',
    topics: ['weather/+'],
    profiles: ['mqtt-weather'],
    location: 'roof',
    tags: ['sensors'],
  },
  {
    id: 'smart-plugs',
    name: 'Smart plugs',
    topics: ['tele/#', 'stat/#', 'shellies/#', 'pump-house/#'],
    profiles: ['mqtt-tasmota', 'mqtt-shelly'],
    location: 'hall 1',
    tags: ['sensors', 'power'],
  },
  {
    id: 'zigbee',
    name: 'Zigbee sensors',
    topics: ['zigbee2mqtt/#'],
    profiles: ['auto'],
    location: 'hall 2',
    tags: ['sensors'],
  },
  {
    id: 'telegraf-01',
    name: 'telegraf-01',
    topics: ['telegraf/telegraf-01/#'],
    profiles: ['auto'],
    location: 'rack b',
    tags: ['linux'],
  },
] as const

/** Topics that the simulated sensors publish to. */
export const SENSOR_TOPICS = [
  'weather/#',
  'tele/#',
  'stat/#',
  'shellies/#',
  'pump-house/#',
  'zigbee2mqtt/#',
  'telegraf/#',
]

const noise = (size: number) => (Math.random() - 0.5) * 2 * size
const rounded = (value: number, places = 1) => Number(value.toFixed(places))
/** A wave around `mean` of this size, once in `periodS`. */
const wave = (seconds: number, periodS: number, mean: number, size: number) =>
  mean + size * Math.sin((2 * Math.PI * seconds) / periodS)
const json = (topic: string, document: object): Published => ({
  topic,
  payload: JSON.stringify(document),
})

/** As rtl_433 publishes a Bresser 7-in-1. */
export function weatherStation(): Sensor {
  let rain = 10.8
  let direction = 240
  return {
    everyS: 5,
    publish(seconds) {
      direction = (direction + noise(12) + 360) % 360
      const wind = Math.max(0, wave(seconds, 600, 4, 2.5) + noise(0.8))
      if (wave(seconds, 1800, 0, 1) > 0.6) rain += 0.2
      return [
        json('weather/roof', {
          time: new Date().toISOString().slice(0, 19).replace('T', ' '),
          model: 'Bresser-7in1',
          id: 118,
          temperature_C: rounded(wave(seconds, 3600, 14, 6) + noise(0.1)),
          humidity: Math.round(wave(seconds, 3600, 62, -14) + noise(1)),
          pressure_hPa: rounded(wave(seconds, 7200, 1013, 4)),
          wind_avg_m_s: rounded(wind),
          wind_max_m_s: rounded(wind * 1.5 + 0.4),
          wind_dir_deg: Math.round(direction),
          rain_mm: rounded(rain),
          light_lux: Math.round(Math.max(0, wave(seconds, 3600, 18_000, 22_000))),
          uvi: rounded(Math.max(0, wave(seconds, 3600, 2, 3))),
          battery_ok: 1,
          mic: 'CRC',
        }),
      ]
    },
  }
}

/** A plug with Tasmota; a relay of its own name. */
export function tasmotaPlug(topic: string, watts: number): Sensor {
  let total = 12.5 * watts
  return {
    everyS: 10,
    publish(seconds) {
      const power = Math.max(0, watts + noise(watts / 10))
      total += power / 360_000
      const time = new Date().toISOString().slice(0, 19)
      return [
        json(`tele/${topic}/STATE`, {
          Time: time,
          UptimeSec: 48_012 + Math.round(seconds),
          Heap: 25,
          LoadAvg: 19,
          MqttCount: 1,
          POWER: 'ON',
          Wifi: { AP: 1, SSId: 'plant', Channel: 6, RSSI: 64, Signal: Math.round(-64 + noise(4)) },
        }),
        json(`tele/${topic}/SENSOR`, {
          Time: time,
          ENERGY: {
            Total: rounded(total, 3),
            Today: rounded(total / 30, 3),
            Power: Math.round(power),
            ApparentPower: Math.round(power * 1.04),
            Factor: 0.96,
            Voltage: Math.round(231 + noise(2)),
            Current: rounded(power / 231, 3),
          },
          DS18B20: { Id: '01131B123456', Temperature: rounded(24 + power / 100 + noise(0.2)) },
          TempUnit: 'C',
        }),
      ]
    },
  }
}

/** A relay of the first generation, a topic for each value, and a pump of a later one. */
export function shellies(): Sensor {
  let energy = 62_758
  return {
    everyS: 10,
    publish(seconds) {
      const runs = seconds % 180 < 100
      const power = runs ? 640 + noise(12) : 0
      energy += power / 360
      const relay = 'shellies/shellyplug-s-C18B12'
      return [
        { topic: `${relay}/relay/0`, payload: 'on' },
        { topic: `${relay}/relay/0/power`, payload: (35 + noise(3)).toFixed(2) },
        { topic: `${relay}/relay/0/energy`, payload: String(Math.round(90_000 + seconds * 35)) },
        { topic: `${relay}/temperature`, payload: (31 + noise(0.3)).toFixed(2) },
        json('pump-house/status/switch:0', {
          id: 0,
          source: 'timer',
          output: runs,
          apower: rounded(power),
          voltage: rounded(230 + noise(1)),
          freq: 50,
          current: rounded(power / 230, 3),
          aenergy: { total: rounded(energy, 3) },
          temperature: { tC: rounded(35 + power / 40), tF: 0 },
        }),
      ]
    },
  }
}

/** What Zigbee2MQTT says of four devices. */
export function zigbeeDevices(): Sensor {
  return {
    everyS: 10,
    publish(seconds) {
      const isOpen = seconds % 300 > 240
      const battery = Math.max(8, 22 - Math.floor(seconds / 600))
      return [
        json('zigbee2mqtt/cold_store', {
          temperature: rounded(wave(seconds, 900, 4, 0.8) + (isOpen ? 2 : 0), 2),
          humidity: Math.round(80 + noise(2)),
          battery: 91,
          linkquality: Math.round(120 + noise(10)),
        }),
        json('zigbee2mqtt/cold_store_door', { contact: !isOpen, battery, linkquality: 87 }),
        json('zigbee2mqtt/cellar', { water_leak: false, battery_low: false, linkquality: 60 }),
        json('zigbee2mqtt/corridor', { occupancy: seconds % 90 < 25, illuminance: 120 }),
      ]
    },
  }
}

/** Telegraf's outputs.mqtt in line protocol, several metrics in a message. */
export function telegrafHost(host: string): Sensor {
  let received = 3_284_081_640
  let written = 2_117_632
  return {
    everyS: 10,
    publish(seconds, now) {
      received += Math.round(wave(seconds, 400, 9_000_000, 6_000_000))
      written += Math.round(4_000_000 + noise(3_000_000))
      const idle = (mean: number) => Math.min(100, Math.max(0, mean + noise(8)))
      const at = `${Math.floor(now / 1000)}000000000`
      const total = 16_913_917_952
      const used = Math.round(total * (wave(seconds, 1200, 0.5, 0.1) + noise(0.01)))
      const lines = [
        ...[0, 1].map(
          cpu =>
            `cpu,cpu=cpu${cpu},host=${host} usage_idle=${idle(70 - 20 * cpu)},usage_user=${20 + 15 * cpu},usage_system=4,usage_iowait=1 ${at}`,
        ),
        `mem,host=${host} total=${total}i,used=${used}i,available=${total - used}i,used_percent=${(100 * used) / total} ${at}`,
        `disk,device=sda1,fstype=ext4,host=${host},mode=rw,path=/ total=499088621568i,used=100418957312i,free=398407520256i,used_percent=20.13 ${at}`,
        `diskio,host=${host},name=sda reads=2495i,writes=10i,read_bytes=38956544i,write_bytes=${written}i,io_time=${Math.round(seconds * 40)}i ${at}`,
        `net,host=${host},interface=eth0 bytes_recv=${received}i,bytes_sent=${Math.round(received / 7)}i,packets_recv=3585442i,packets_sent=2663590i,err_in=0i,err_out=0i,drop_in=4i,drop_out=0i ${at}`,
        `system,host=${host} load1=${rounded(0.9 + noise(0.3), 2)},load5=0.8,load15=0.7,n_users=1i,n_cpus=2i,uptime=${1_249_632 + Math.round(seconds)}i ${at}`,
      ]
      return [{ topic: `telegraf/${host}/metrics`, payload: lines.join('\n') }]
    },
  }
}

/** All of the demo's. */
export function allSensors(): Sensor[] {
  return [
    weatherStation(),
    tasmotaPlug('office-plug', 180),
    tasmotaPlug('server-plug', 420),
    shellies(),
    zigbeeDevices(),
    telegrafHost('telegraf-01'),
  ]
}

// The shipped mappings over messages as the makers' documentation shows them: Tasmota, Shelly of both
// generations, Zigbee2MQTT, Home Assistant's state topics, and weather stations.

import t from 'tap'
import { shippedCatalogue, testDevice } from './kit.ts'

const catalogue = await shippedCatalogue()
/** A minute before the messages are heard, Unix s. */
const START_S = 1_795_320_000 - 60

t.test('no shipped mapping has a problem', async t => {
  const own = catalogue.problems.filter(({ profile }) => profile.startsWith('mqtt-'))
  t.same(own, [])
  const ids = [...catalogue.profiles.keys()].filter(id => id.startsWith('mqtt-')).sort()
  t.same(ids, [
    'mqtt-homeassistant',
    'mqtt-shelly',
    'mqtt-tasmota',
    'mqtt-telegraf',
    'mqtt-weather',
    'mqtt-zigbee2mqtt',
  ])
})

t.test('Tasmota: state, relays, sensors and energy meters', async t => {
  const device = await testDevice(catalogue)
  device.say(
    'tele/tasmota/SENSOR',
    '{"Time":"2017-02-16T10:13:52", "DS18B20":{"Temperature":20.6}}',
  )
  device.say(
    'tele/hall/SENSOR',
    '{"Time":"2019-11-03T19:34:28","BME280":{"Temperature":21.7,"Humidity":66.6,"Pressure":988.6},"PressureUnit":"hPa","TempUnit":"C"}',
  )
  device.say(
    'tele/attic/SENSOR',
    '{"Time":"2019-11-03T19:34:28","AM2301":{"Temperature":71.6,"Humidity":40,"DewPoint":50},"TempUnit":"F"}',
  )
  t.strictSame(device.values(), {
    'tasmota_sensor.temperature tasmota|DS18B20': 20.6,
    'tasmota_sensor.temperature hall|BME280': 21.7,
    'tasmota_sensor.humidity hall|BME280': 66.6,
    'tasmota_sensor.pressure hall|BME280': 98860,
    'tasmota_sensor.temperature attic|AM2301': 22,
    'tasmota_sensor.humidity attic|AM2301': 40,
    'tasmota_sensor.dew_point attic|AM2301': 10,
  })
  device.say(
    'tele/pow/SENSOR',
    '{"Time":"2019-04-02T19:31:06","ENERGY":{"TotalStartTime":"2019-03-19T21:10:01","Total":41.573,"Yesterday":6.147,"Today":8.286,"Period":0,"Power":2,"ApparentPower":22,"ReactivePower":21,"Factor":0.08,"Voltage":230,"Current":0.094}}',
  )
  t.strictSame(device.values(), {
    'tasmota_energy.power pow': 2,
    'tasmota_energy.apparent pow': 22,
    'tasmota_energy.reactive pow': 21,
    'tasmota_energy.factor pow': 0.08,
    'tasmota_energy.voltage pow': 230,
    'tasmota_energy.current pow': 0.094,
    'tasmota_energy.today pow': 8286,
    'tasmota_energy.energy pow': 41573,
  })
  device.say(
    'compteur/tele/STATE',
    '{"Time":"2021-03-13T09:20:26","Uptime":"0T13:20:12","UptimeSec":48012,"Heap":17,"SleepMode":"Dynamic","Sleep":50,"LoadAvg":19,"MqttCount":1,"POWER":"ON","Wifi":{"AP":1,"SSId":"hello-nantes","Channel":5,"RSSI":64,"Signal":-68,"LinkCount":1,"Downtime":"0T00:00:05"}}',
  )
  device.say('stat/tasmota_switch/RESULT', '{"POWER":"OFF"}')
  device.say('stat/dual/POWER2', 'ON')
  device.say('tele/tasmota_switch/LWT', 'Offline')
  t.strictSame(device.values(), {
    'tasmota.power compteur': 1,
    'tasmota.uptime compteur': 48012,
    'tasmota.signal compteur': -68,
    'tasmota.load compteur': 19,
    'tasmota.heap compteur': 17408,
    'tasmota.reconnects compteur': 1,
    'tasmota.power tasmota_switch': 0,
    'tasmota.online tasmota_switch': 0,
    'tasmota.power2 dual': 1,
  })
  t.same(device.setAside, [])
})

t.test('Shelly: topics of single values, and status documents of later generations', async t => {
  const device = await testDevice(catalogue)
  const plug = 'shellies/shellyplug-s-C18B12'
  device.say(`${plug}/relay/0`, 'on')
  device.say(`${plug}/relay/0/power`, '25.70')
  device.say(`${plug}/relay/0/energy`, '600')
  device.say(`${plug}/temperature`, '26.63')
  device.say(`${plug}/overtemperature`, '0')
  device.say(`${plug}/online`, 'true')
  t.strictSame(device.values(), {
    'shelly_switch.state shellyplug-s-C18B12|0': 1,
    'shelly_switch.power shellyplug-s-C18B12|0': 25.7,
    'shelly_switch.energy shellyplug-s-C18B12|0': 10,
    'shelly_device.temperature shellyplug-s-C18B12': 26.63,
    'shelly_device.overheated shellyplug-s-C18B12': 0,
    'shelly_device.online shellyplug-s-C18B12': 1,
  })
  device.say(
    'shellyplus2pm-1/status/switch:1',
    '{"id":1, "source":"HTTP_in", "output":true, "apower":25.7, "voltage":239.7, "freq":50.2, "current":0.188, "pf":0.57, "aenergy":{"total":913.252,"by_minute":[404.631,404.631,404.631],"minute_ts":1782936360}, "ret_aenergy":{"total":0.000},"temperature":{"tC":68.1, "tF":154.6}}',
  )
  device.say('home/ht-3/status/temperature:0', '{"id": 0, "tC": 22.4, "tF": 72.3}')
  device.say('home/ht-3/status/humidity:0', '{"id": 0, "rh": 44.1}')
  device.say('home/ht-3/status/devicepower:0', '{"id": 0, "battery": {"V": 5.91, "percent": 92}}')
  device.say('home/ht-3/online', 'false')
  const values = device.values()
  t.match(values, {
    'shelly_switch.state shellyplus2pm-1|switch:1': 1,
    'shelly_switch.power shellyplus2pm-1|switch:1': 25.7,
    'shelly_switch.voltage shellyplus2pm-1|switch:1': 239.7,
    'shelly_switch.frequency shellyplus2pm-1|switch:1': 50.2,
    'shelly_switch.energy shellyplus2pm-1|switch:1': 913.252,
    'shelly_switch.temperature shellyplus2pm-1|switch:1': 68.1,
    'shelly_sensor.temperature ht-3': 22.4,
    'shelly_sensor.humidity ht-3': 44.1,
    'shelly_sensor.battery ht-3': 92,
    'shelly_device.online ht-3': 0,
  })
  t.same(
    Object.keys(values).filter(name => /^shelly_switch.* ht-3/.test(name)),
    [],
    'a thermometer is no switch',
  )
})

t.test('Zigbee2MQTT: each device says what it has', async t => {
  const device = await testDevice(catalogue)
  device.say('zigbee2mqtt/kitchen', '{"temperature": 27.34, "humidity": 44.72}')
  device.say('zigbee2mqtt/remote', '{"action": "single"}')
  device.say('zigbee2mqtt/hall', '{"occupancy": true}')
  device.say('zigbee2mqtt/lamp', '{"state": "ON", "brightness": 215, "color_temp": 325}')
  device.say(
    'zigbee2mqtt/window',
    '{"contact":true,"linkquality":128,"voltage":3045,"battery":"100.00"}',
  )
  device.say('zigbee2mqtt/lamp/availability', '{"state":"offline"}')
  device.say('zigbee2mqtt/hall/availability', 'online')
  t.match(device.values(), {
    'zigbee.temperature kitchen': 27.34,
    'zigbee.humidity kitchen': 44.72,
    'zigbee.occupancy hall': 1,
    'zigbee.availability hall': 1,
    'zigbee.availability lamp': 0,
    'zigbee.state lamp': 1,
    'zigbee.contact window': 1,
    'zigbee.link window': 128,
    'zigbee.voltage window': 3.045,
    'zigbee.battery window': 100,
  })
  t.same(
    device.setAside,
    [{ reason: 'empty', topic: 'zigbee2mqtt/remote' }],
    'a button is no value',
  )
})

t.test('Home Assistant: a state, and what was said of it before', async t => {
  const device = await testDevice(catalogue)
  const topic = 'homeassistant/sensor/attic_temperature'
  device.say(`${topic}/unit_of_measurement`, '"°C"', true)
  device.say(`${topic}/friendly_name`, '"Attic"', true)
  device.say(`${topic}/device_class`, '"temperature"', true)
  device.say(`${topic}/state`, '19.0', true)
  t.strictSame(device.values(), {}, 'what is retained tells what is so, not when')
  device.say(`${topic}/state`, '21.5')
  device.say('homeassistant/light/master_bedroom_dimmer/state', 'on')
  device.say('homeassistant/binary_sensor/door/state', '"off"')
  const { collections, rows } = device.flush()
  t.equal(collections.length, 2)
  const named = rows.find(({ group }) => group === 'ha_sensor')?.body.rows[0]
  t.match(named, { name: 'Attic', labels: { unit: '°C', class: 'temperature' } })
  device.say(`${topic}/state`, 'unavailable')
  t.strictSame(device.values(), {
    'ha_sensor.value attic_temperature': '!no-such-object',
    'ha_sensor.temperature attic_temperature': '!no-such-object',
  })
})

t.test('weather stations: rtl_433, and weewx in texts with a time of its own', async t => {
  const device = await testDevice(catalogue, { profiles: ['mqtt-weather'] })
  device.say(
    'weather/roof/json',
    '{"time":"2018-12-15 16:04:04","model":"Bresser-5in1","id":118,"temperature_C":6.4,"humidity":87,"wind_max_m_s":2.8,"wind_avg_m_s":2.9,"wind_dir_deg":315,"rain_mm":10.8,"mic":"CHECKSUM"}',
  )
  device.say(
    'weather/loop',
    `{"dateTime":"${START_S}.0","outTemp_C":"3.55555555556","outHumidity":"90.0","windSpeed_kph":"3.6","altimeter_mbar":"1016.6","barometer_mbar":"1015.2","windDir":"275.0","dayRain_cm":"0.1"}`,
  )
  const { collections } = device.flush()
  t.same(
    collections.map(({ body }) => [body.at, body.ok && body.rows]),
    [
      [1_795_320_000_000 - 60_000, ['weather/loop|']],
      [1_795_320_000_000, ['Bresser-5in1|118']],
    ],
    'each at its own time, the older one first',
  )
  const [weewx] = collections
  t.match(weewx?.body, {
    metrics: {
      temperature: [3.55555555556],
      humidity: [90],
      wind: [1],
      direction: [275],
      pressure: [101_520],
      rain: [1],
    },
  })
})

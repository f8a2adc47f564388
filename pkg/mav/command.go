package mav

import "sync"

// Class says what a message is for, as far as that matters for how often it may come
// and for what a repetition of it does.
type Class uint8

// The classes of messages.
const (
	Other       Class = iota
	Alive             // says that its sender lives: once a second, by the protocol
	Request           // asks for something; changes nothing but causes an answer
	RequestList       // asks for a whole list: hundreds of frames for one
	Command           // changes the state of the vehicle
	Setpoint          // changes the state of the vehicle and is sent in a stream
	Bulk              // comes in bursts by its nature: transfers and answers
)

// classNames are the messages that are not Other, by class. Those under Command and
// Setpoint are the state-changing messages of docs/replay.md.
var classNames = map[Class][]string{
	Alive: {"HEARTBEAT", "HIGH_LATENCY", "HIGH_LATENCY2"},
	Request: {
		"PING", "PARAM_REQUEST_READ", "PARAM_EXT_REQUEST_READ", "MISSION_REQUEST", "MISSION_REQUEST_INT",
		"REQUEST_DATA_STREAM", "LOG_REQUEST_DATA", "LOG_REQUEST_END", "TERRAIN_REQUEST", "TERRAIN_CHECK",
		"FENCE_FETCH_POINT", "RALLY_FETCH_POINT", "AUTOPILOT_VERSION_REQUEST", "REQUEST_EVENT",
		"DEVICE_OP_READ", "GOPRO_GET_REQUEST",
	},
	RequestList: {
		"PARAM_REQUEST_LIST", "PARAM_EXT_REQUEST_LIST", "MISSION_REQUEST_LIST", "MISSION_REQUEST_PARTIAL_LIST",
		"LOG_REQUEST_LIST",
	},
	Command: {
		// arm, disarm, mode, take-off and all else that is a command; see StateChanging
		"COMMAND_LONG", "COMMAND_INT", "COMMAND_CANCEL", "SET_MODE",
		// parameters
		"PARAM_SET", "PARAM_EXT_SET", "PARAM_MAP_RC",
		// mission, fence, rally points, home
		"MISSION_ITEM", "MISSION_ITEM_INT", "MISSION_COUNT", "MISSION_CLEAR_ALL", "MISSION_SET_CURRENT",
		"MISSION_WRITE_PARTIAL_LIST", "FENCE_POINT", "RALLY_POINT", "SAFETY_SET_ALLOWED_AREA",
		"SET_HOME_POSITION", "SET_GPS_GLOBAL_ORIGIN",
		// who may command, and with which key
		"CHANGE_OPERATOR_CONTROL", "AUTH_KEY", "SETUP_SIGNING",
		// devices
		"SERIAL_CONTROL", "DEVICE_OP_WRITE", "LOG_ERASE", "MOUNT_CONFIGURE", "MOUNT_CONTROL",
		"DIGICAM_CONFIGURE", "DIGICAM_CONTROL", "LED_CONTROL", "SET_MAG_OFFSETS",
		"GIMBAL_MANAGER_SET_ATTITUDE", "GIMBAL_MANAGER_SET_PITCHYAW",
		"WIFI_CONFIG_AP", "GOPRO_SET_REQUEST",
	},
	Setpoint: {
		"MANUAL_CONTROL", "RC_CHANNELS_OVERRIDE", "MANUAL_SETPOINT",
		"SET_ATTITUDE_TARGET", "SET_POSITION_TARGET_LOCAL_NED", "SET_POSITION_TARGET_GLOBAL_INT",
		"SET_ACTUATOR_CONTROL_TARGET", "GIMBAL_MANAGER_SET_MANUAL_CONTROL", "GPS_INPUT",
	},
	Bulk: {
		"PARAM_VALUE", "PARAM_EXT_VALUE", "FILE_TRANSFER_PROTOCOL", "LOG_DATA", "LOG_ENTRY",
		"TERRAIN_DATA", "TERRAIN_REPORT", "ENCAPSULATED_DATA", "DATA16", "DATA32", "DATA64", "DATA96",
		"REMOTE_LOG_DATA_BLOCK", "REMOTE_LOG_BLOCK_STATUS", "LOGGING_DATA", "LOGGING_DATA_ACKED", "LOGGING_ACK",
		"GPS_RTCM_DATA", "GPS_INJECT_DATA", "TUNNEL", "V2_EXTENSION", "CAN_FRAME", "CANFD_FRAME",
		"COMMAND_ACK", "MISSION_ACK", "PARAM_EXT_ACK", "STATUSTEXT",
		"FENCE_STATUS", "ADSB_VEHICLE", "AIS_VESSEL", "DEVICE_OP_READ_REPLY", "DEVICE_OP_WRITE_REPLY",
		"CLEITONQ_CHUNK",
	},
}

// queries are the commands (MAV_CMD) that ask for something or set how often it is
// sent, and change nothing else.
var queries = map[uint16]bool{
	410:   true, // GET_HOME_POSITION
	510:   true, // GET_MESSAGE_INTERVAL
	511:   true, // SET_MESSAGE_INTERVAL
	512:   true, // REQUEST_MESSAGE
	519:   true, // REQUEST_PROTOCOL_VERSION
	520:   true, // REQUEST_AUTOPILOT_CAPABILITIES
	521:   true, // REQUEST_CAMERA_INFORMATION
	522:   true, // REQUEST_CAMERA_SETTINGS
	525:   true, // REQUEST_STORAGE_INFORMATION
	527:   true, // REQUEST_CAMERA_CAPTURE_STATUS
	528:   true, // REQUEST_FLIGHT_INFORMATION
	2504:  true, // REQUEST_VIDEO_STREAM_INFORMATION
	2505:  true, // REQUEST_VIDEO_STREAM_STATUS
	42428: true, // DO_SEND_BANNER
}

type classTable struct {
	low  [1024]Class
	high map[uint32]Class
}

var classes = sync.OnceValue(func() *classTable {
	byName := make(map[string]Class)
	for class, names := range classNames {
		for _, name := range names {
			byName[name] = class
		}
	}
	t := &classTable{high: make(map[uint32]Class)}
	for id, d := range definitions() {
		switch class := byName[d.name]; {
		case class == Other:
		case id < uint32(len(t.low)):
			t.low[id] = class
		default:
			t.high[id] = class
		}
	}
	return t
})

// ClassOf returns the class of a message. It allocates nothing.
func ClassOf(id uint32) Class {
	t := classes()
	if id < uint32(len(t.low)) {
		return t.low[id]
	}
	return t.high[id]
}

// commandOffset is where COMMAND_LONG and COMMAND_INT have the number of the command.
const commandOffset = 28

// StateChanging reports whether a message changes the state of the vehicle: whether it
// is a Command or a Setpoint, and not a COMMAND_LONG or COMMAND_INT that only asks.
// It allocates nothing.
func StateChanging(id uint32, payload []byte) bool {
	switch ClassOf(id) {
	case Setpoint:
		return true
	case Command:
		if id == IDCommandInt || id == IDCommandLong {
			return !queries[CommandOf(payload)]
		}
		return true
	}
	return false
}

// CommandOf returns the number (MAV_CMD) of the command in a COMMAND_LONG or
// COMMAND_INT payload.
func CommandOf(payload []byte) uint16 {
	var v uint16
	for i := range 2 {
		if at := commandOffset + i; at < len(payload) {
			v |= uint16(payload[at]) << (8 * i)
		}
	}
	return v
}

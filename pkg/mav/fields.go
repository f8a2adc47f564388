package mav

import (
	"fmt"
	"reflect"
	"strconv"
)

// Field is one field of a message.
type Field struct {
	Name  string `json:"name"`  // as MAVLink defines it, like "param1"
	Value string `json:"value"` // decimal, an array in brackets, text as sent
}

// Fields decodes a payload of a frame of the given MAVLink version. It returns nil if
// the message is not known or the payload does not fit it. Text in it is as it was
// sent and must be cleaned before it is shown.
func Fields(id uint32, version int, payload []byte) []Field {
	m := decode(id, version, payload)
	if m == nil {
		return nil
	}
	v := reflect.ValueOf(m).Elem()
	fields := make([]Field, 0, v.NumField())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if version == 1 && f.Tag.Get("mavext") == "true" {
			continue // not part of MAVLink 1 frames
		}
		name := f.Tag.Get("mavname")
		if name == "" {
			name = snake(f.Name)
		}
		fields = append(fields, Field{name, text(v.Field(i))})
	}
	return fields
}

func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10) // not the name of an enum's value
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float32:
		return strconv.FormatFloat(v.Float(), 'g', -1, 32)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reflect.Array:
		s := "["
		for i := range v.Len() {
			if i > 0 {
				s += " "
			}
			s += text(v.Index(i))
		}
		return s + "]"
	}
	return fmt.Sprint(v.Interface())
}

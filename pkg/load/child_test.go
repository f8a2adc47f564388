package load

func child(string) {}

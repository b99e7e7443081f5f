package platform

import "testing"

func TestAUriGetsItsDatabaseWhateverItHad(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h:1":              "mongodb://h:1/db",
		"mongodb://h:1/":             "mongodb://h:1/db",
		"mongodb://h:1,g:2/x?a=b":    "mongodb://h:1,g:2/db?a=b",
		"mongodb://u:p@h:1/?a=b&c=d": "mongodb://u:p@h:1/db?a=b&c=d",
		"mongodb://h:1?authSource=x": "mongodb://h:1/db?authSource=x",
	} {
		if got := withMongoDatabase(uri, "db"); got != want {
			t.Errorf("%s: %s, not %s", uri, got, want)
		}
	}
}

func TestAProcessStartsAnswersAndStopsInAWorldOfItsOwn(t *testing.T) {
	w := NewWorld(t)
	p := w.Start(t)
	if topics := w.Topics(t); len(topics) != 28 {
		t.Errorf("%d topics: %v", len(topics), topics)
	}
	if out, code := w.Run(t, "topics"); code != 0 || out == "" {
		t.Errorf("esteira topics: %d, %q", code, out)
	}
	p.Stop(t)
}

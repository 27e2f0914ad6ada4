package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const tolerance = 5 * time.Minute

// isGenuine reports whether videobroker sent this body, not longer than five minutes ago.
func isGenuine(secret string, body []byte, header http.Header) bool {
	seconds, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(expected), []byte(signature)) {
			return true
		}
	}
	return false
}

func receive(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, 1<<20))
	if err != nil || !isGenuine(os.Getenv("VIDEOBROKER_WEBHOOK_SECRET"), body, request.Header) {
		response.WriteHeader(http.StatusBadRequest)
		return
	}
	var webhook struct {
		Data struct{ ID, Type string }
	}
	if err := json.Unmarshal(body, &webhook); err != nil {
		response.WriteHeader(http.StatusBadRequest)
		return
	}
	log.Println(webhook.Data.ID, webhook.Data.Type)
	response.WriteHeader(http.StatusNoContent)
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	http.HandleFunc("/webhooks/video", receive)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}

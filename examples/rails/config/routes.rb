# frozen_string_literal: true

Rails.application.routes.draw do
  post "sign-in", to: "sessions#create"

  resources :bookings, only: %i[create show] do
    member do
      post :confirm
      post :cancel
      post :join
      post :link
    end
  end

  post "webhooks/video", to: "webhooks#receive"
end

# frozen_string_literal: true

class Booking < ApplicationRecord
  has_many :calls

  before_create { self.id ||= SecureRandom.uuid }
end
